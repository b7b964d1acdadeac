// Writes zip archives of files that are compressed already. Pure functions.

const TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

export function crc32(bytes) {
  let rest = ~0;
  for (const byte of bytes) rest = TABLE[(rest ^ byte) & 255] ^ (rest >>> 8);
  return ~rest >>> 0;
}

// Numbers of [value, bytes] in little-endian order.
function packed(...fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0)), view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50;
const VERSION = 20, UTF8 = 1 << 11, STORED = 0, DATE = 0x21;  // DATE is 1 January 1980, the first that there is

// The parts of an archive, for `new Blob`. `files` are {name, bytes} with different names.
export function zipParts(files) {
  const parts = [], directory = [];
  let offset = 0;
  for (const {name, bytes} of files) {
    const title = new TextEncoder().encode(name);
    const shared = [[VERSION, 2], [UTF8, 2], [STORED, 2], [0, 2], [DATE, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [title.length, 2], [0, 2]];
    const head = packed([LOCAL, 4], ...shared);
    parts.push(head, title, bytes);
    directory.push(packed([CENTRAL, 4], [VERSION, 2], ...shared, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), title);
    offset += head.length + title.length + bytes.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([END, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [length, 4], [offset, 4], [0, 2]);
  return [...parts, ...directory, end];
}

// Makes the names of files different: "a.jpg", "a (2).jpg".
export function distinct(names) {
  const taken = new Set();
  return names.map(name => {
    const dot = name.lastIndexOf("."), stem = dot > 0 ? name.slice(0, dot) : name, suffix = name.slice(stem.length);
    let unique = name;
    for (let number = 2; taken.has(unique); number++) unique = `${stem} (${number})${suffix}`;
    taken.add(unique);
    return unique;
  });
}
