// Large pictures at one smaller size, to spare the browser the several passes of Python. Pure functions.

import {planes, resampled} from "./planes.js";

const USUAL_SIDE = 400, LEAST_REDUCTION = 1.5;

// Rounds as Python does: halves go to the even number.
function rounded(number) {
  const below = Math.floor(number), rest = number - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

// The size at which a picture is restored, [height, width].
export function workingSize(height, width) {
  const shorter = Math.min(height, width);
  if (shorter <= LEAST_REDUCTION * USUAL_SIDE) return [height, width];
  return [rounded(height * USUAL_SIDE / shorter), rounded(width * USUAL_SIDE / shorter)];
}

// The average of the pixels that each new pixel covers, rounded to 8 bits, as OpenCV's INTER_AREA.
export function reduced(picture, height, width) {
  const made = resampled(picture, height, width, (length, wanted) => {
    const scale = length / wanted;
    return Array.from({length: wanted}, (_, n) => {
      const begin = n * scale, end = Math.min(length, begin + scale), first = Math.floor(begin);
      const covered = k => Math.min(end, k + 1) - Math.max(begin, k);
      return [first, Array.from({length: Math.ceil(end) - first}, (_, k) => covered(first + k) / scale)];
    });
  });
  for (let n = 0; n < made.data.length; n++) made.data[n] = Math.round(255 * made.data[n]) / 255;
  return made;
}

// Bicubic interpolation with OpenCV's kernel.
export function enlarged(picture, height, width) {
  return resampled(picture, height, width, (length, wanted) => Array.from({length: wanted}, (_, n) => {
    const place = (n + 0.5) * length / wanted - 0.5, first = Math.floor(place) - 1;
    return [first, [0, 1, 2, 3].map(k => cubic(Math.abs(place - first - k)))];
  }));
}

// Keys' kernel with a = −0.75.
function cubic(distance) {
  if (distance <= 1) return (1.25 * distance - 2.25) * distance ** 2 + 1;
  return -0.75 * (((distance - 5) * distance + 8) * distance - 4);
}

// Bilinear interpolation, for attention maps.
export function smoothed(picture, height, width) {
  return resampled(picture, height, width, (length, wanted) => Array.from({length: wanted}, (_, n) => {
    const place = Math.max(0, Math.min(length - 1, (n + 0.5) * length / wanted - 0.5)), first = Math.floor(place);
    return [first, [1 - (place - first), place - first]];
  }));
}

// RGBA bytes with a change, planes of their size, added to their colours.
export function changed(bytes, change) {
  const made = new Uint8ClampedArray(bytes), area = change.height * change.width;
  for (let pixel = 0; pixel < area; pixel++)
    for (let channel = 0; channel < 3; channel++)
      made[4 * pixel + channel] = bytes[4 * pixel + channel] + 255 * change.data[channel * area + pixel];
  return made;
}

// `after` − `before`.
export function difference(after, before) {
  const made = planes(3, before.height, before.width);
  for (let n = 0; n < made.data.length; n++) made.data[n] = after.data[n] - before.data[n];
  return made;
}
