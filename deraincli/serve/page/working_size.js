// The sizes at which a picture is restored: `deraincli/inference/working_size.py` in JavaScript. Pure functions.

import {luma, planes, resampled} from "./planes.js";

export const USUAL_SIDE = 400;
const FINEST_SIDE = 1000, SIDE_RATIO = FINEST_SIDE / USUAL_SIDE, FADE_IN = 1.5;
const VISIBLE = 16 / 255, DETAILED_SHARE = 1e-3, LEAST_REDUCTION = 1.1;

// Rounds as Python does: halves go to the even number.
function rounded(number) {
  const below = Math.floor(number), rest = number - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

// Planes with the shorter side `side`, or the same planes if their shorter side is no longer. A new pixel is the average
// of the pixels that it covers, as in OpenCV's INTER_AREA. `inBytes` says whether it is rounded to 8 bits.
export function reduced(picture, side, inBytes) {
  const shorter = Math.min(picture.height, picture.width);
  if (shorter <= side) return picture;
  const [height, width] = [picture.height, picture.width].map(length => rounded(length * side / shorter));
  const made = resampled(picture, height, width, covered);
  if (inBytes) for (let n = 0; n < made.data.length; n++) made.data[n] = Math.round(255 * made.data[n]) / 255;
  return made;
}

function covered(length, wanted) {
  const scale = length / wanted;
  return Array.from({length: wanted}, (_, n) => {
    const begin = n * scale, end = Math.min(length, begin + scale), first = Math.floor(begin);
    const share = k => (Math.min(end, k + 1) - Math.max(begin, k)) / scale;
    return [first, Array.from({length: Math.ceil(end) - first}, (_, k) => share(first + k))];
  });
}

// Brings a picture of 8 bits to the finest size at which it is restored. Returns the same planes if it has this size.
export function toFinestSize(picture) {
  const smaller = reduced(picture, FINEST_SIDE, true);
  return reduced(smaller, detailedSide(smaller), smaller === picture);
}

// The sides at which a picture is restored after the finest one, the finer first, as [side, share of the change].
export function coarserSides(finest) {
  const sides = [];
  for (let side = USUAL_SIDE; rounded(side) < finest; side *= SIDE_RATIO)
    sides.unshift([rounded(side), Math.min((finest / side - 1) / (FADE_IN - 1), 1)]);
  return sides;
}

// The least side that keeps a picture's detail, from USUAL_SIDE to the picture's own.
function detailedSide(picture) {
  const own = Math.min(picture.height, picture.width);
  let finer = Math.floor(own / LEAST_REDUCTION), coarser = USUAL_SIDE;
  if (finer <= coarser) return own;
  const grey = greyOf(picture);
  if (isDetailLost(grey, finer)) return own;
  if (!isDetailLost(grey, coarser)) return coarser;
  while (finer > 1.02 * coarser) {
    const middle = rounded(Math.sqrt(coarser * finer));
    if (isDetailLost(grey, middle)) coarser = middle;
    else finer = middle;
  }
  return finer;
}

function greyOf(colours) {
  const {height, width} = colours;
  const grey = planes(1, height, width), area = height * width;
  for (let pixel = 0; pixel < area; pixel++)
    grey.data[pixel] = luma(colours, pixel, area);
  return grey;
}

// Whether too many pixels of a grey picture differ at a smaller size.
function isDetailLost(grey, side) {
  const enlarged = resampled(reduced(grey, side, false), grey.height, grey.width, cubic);
  const lost = grey.data.reduce((count, value, n) => count + (Math.abs(value - enlarged.data[n]) > VISIBLE), 0);
  return lost / grey.data.length > DETAILED_SHARE;
}

// Bicubic interpolation with OpenCV's kernel.
function cubic(length, wanted) {
  return Array.from({length: wanted}, (_, n) => {
    const place = (n + 0.5) * length / wanted - 0.5, first = Math.floor(place) - 1;
    return [first, [0, 1, 2, 3].map(k => keys(Math.abs(place - first - k)))];
  });
}

// Keys' kernel with a = −0.75.
function keys(distance) {
  if (distance <= 1) return (1.25 * distance - 2.25) * distance ** 2 + 1;
  return -0.75 * (((distance - 5) * distance + 8) * distance - 4);
}
