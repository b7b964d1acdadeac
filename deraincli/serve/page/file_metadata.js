// Carries EXIF, XMP and the colour profile of a JPEG or PNG over to a new file of the same kind. Pure functions.

import {crc32} from "./zip.js";

const text = bytes => Array.from(bytes, byte => String.fromCharCode(byte)).join("");
const bytesOf = string => Uint8Array.from(string, letter => letter.charCodeAt(0));

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// An EXIF block, a TIFF structure, for upright pixels and without its thumbnail, which shows the rain.
export function uprightExif(block) {
  const made = block.slice(), view = new DataView(made.buffer), little = text(made.subarray(0, 2)) === "II";
  try {
    const first = view.getUint32(4, little), count = view.getUint16(first, little);
    for (let entry = first + 2; entry < first + 2 + 12 * count; entry += 12)
      if (view.getUint16(entry, little) === 0x0112) view.setUint16(entry + 8, 1, little);
    view.setUint32(first + 2 + 12 * count, 0, little);  // where the thumbnail would be
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;  // a damaged block is kept as it is
  }
  return made;
}

// An XMP packet for upright pixels. Its length stays.
function uprightXmp(packet) {
  return bytesOf(text(packet).replace(/(tiff:Orientation(?:="|>))[2-8]/g, "$11"));
}

const EXIF = bytesOf("Exif\0\0"), XMP = bytesOf("http://ns.adobe.com/xap/1.0/\0"), ICC = bytesOf("ICC_PROFILE\0");
const starts = (bytes, head) => head.every((byte, n) => bytes[n] === byte);

// The segments of a JPEG before its pixels, as {marker, body}.
function* segments(jpeg) {
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff && jpeg[at + 1] !== 0xda;) {
    const length = jpeg[at + 2] << 8 | jpeg[at + 3];
    yield {marker: jpeg[at + 1], body: jpeg.subarray(at + 4, at + 2 + length)};
    at += 2 + length;
  }
}

function segment(marker, body) {
  return joined([Uint8Array.of(0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255), body]);
}

function jpegWith(jpeg, original) {
  const kept = [];
  for (const {marker, body} of segments(original)) {
    if (marker === 0xe1 && starts(body, EXIF)) kept.push(segment(marker, joined([EXIF, uprightExif(body.subarray(EXIF.length))])));
    if (marker === 0xe1 && starts(body, XMP)) kept.push(segment(marker, joined([XMP, uprightXmp(body.subarray(XMP.length))])));
    if (marker === 0xe2 && starts(body, ICC)) kept.push(segment(marker, body));
  }
  return joined([jpeg.subarray(0, 2), ...kept, jpeg.subarray(2)]);
}

// The chunks of a PNG, as {type, body, whole}.
function* chunks(png) {
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  for (let at = 8; at + 12 <= png.length;) {
    const length = view.getUint32(at);
    yield {type: text(png.subarray(at + 4, at + 8)), body: png.subarray(at + 8, at + 8 + length), whole: png.subarray(at, at + 12 + length)};
    at += 12 + length;
  }
}

function chunk(type, body) {
  const tagged = joined([bytesOf(type), body]), made = new Uint8Array(tagged.length + 8), view = new DataView(made.buffer);
  view.setUint32(0, body.length);
  made.set(tagged, 4);
  view.setUint32(tagged.length + 4, crc32(tagged));
  return made;
}

const COLOURS = ["iCCP", "gAMA", "cHRM", "sRGB", "cICP"];  // they say what the numbers of the pixels mean

function pngWith(png, original) {
  const kept = [];
  for (const {type, body, whole} of chunks(original)) {
    if (COLOURS.includes(type) || type === "pHYs") kept.push(whole);
    if (type === "eXIf") kept.push(chunk(type, uprightExif(body)));
    if (type === "iTXt" && starts(body, bytesOf("XML:com.adobe.xmp\0"))) kept.push(chunk(type, uprightXmp(body)));
  }
  const [header, ...rest] = [...chunks(png)];
  const pixels = rest.filter(({type}) => !COLOURS.includes(type));
  return joined([png.subarray(0, 8), header.whole, ...kept, ...pixels.map(({whole}) => whole)]);
}

// `made`, the bytes of a JPEG or PNG, with the metadata of `original` if that is of the same kind.
export function withMetadata(made, original) {
  if (starts(made, [0xff, 0xd8]) && starts(original, [0xff, 0xd8])) return jpegWith(made, original);
  if (starts(made, [0x89, 0x50]) && starts(original, [0x89, 0x50])) return pngWith(made, original);
  return made;
}
