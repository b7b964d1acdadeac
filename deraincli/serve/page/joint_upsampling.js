// Carries a change of a smaller picture over to the picture: `deraincli/inference/joint_upsampling.py` in JavaScript.

import {planes, resampled} from "./planes.js";

const NOISE = 2 / 255;

// Applies `change`, what to add to the planes `smaller`, to the planes `picture`, in place. `inBytes` says whether the
// result is rounded to 8 bits. It is computed row by row to save memory.
export function carryOver(picture, smaller, change, inBytes) {
  const {channels, height, width} = picture;
  const sources = [smaller, slopeOf(smaller, change), change, limitOf(change)];
  const rows = neighbours(smaller.height, height), columns = neighbours(smaller.width, width);
  const lines = sources.map(() => new Float32Array(width)), [middle, slope, added, limit] = lines;
  for (let channel = 0; channel < channels; channel++)
    for (let y = 0; y < height; y++) {
      sources.forEach((source, n) => enlargeRow(source, channel, rows, y, columns, lines[n]));
      const line = picture.data.subarray((channel * height + y) * width, (channel * height + y + 1) * width);
      for (let x = 0; x < width; x++) {
        const changed = line[x] + Math.min((line[x] - middle[x]) * slope[x] + added[x], limit[x]);
        const limited = Math.max(0, Math.min(1, changed));
        line[x] = inBytes ? Math.round(255 * limited) / 255 : limited;
      }
    }
}

// Bilinear interpolation.
export function enlarged(picture, height, width) {
  const made = planes(picture.channels, height, width);
  const rows = neighbours(picture.height, height), columns = neighbours(picture.width, width);
  for (let channel = 0; channel < picture.channels; channel++)
    for (let y = 0; y < height; y++) {
      const start = (channel * height + y) * width;
      enlargeRow(picture, channel, rows, y, columns, made.data.subarray(start, start + width));
    }
  return made;
}

// For each new place along an axis: the old places before and after it, and the share of the one after it.
function neighbours(length, wanted) {
  const before = new Int32Array(wanted), after = new Int32Array(wanted), share = new Float32Array(wanted);
  for (let n = 0; n < wanted; n++) {
    const place = Math.max(0, Math.min(length - 1, (n + 0.5) * length / wanted - 0.5));
    before[n] = Math.floor(place);
    after[n] = Math.min(length - 1, before[n] + 1);
    share[n] = place - before[n];
  }
  return {before, after, share};
}

// Writes the row `y` of an enlarged plane to `line`.
function enlargeRow({height, width, data}, channel, rows, y, columns, line) {
  const upper = (channel * height + rows.before[y]) * width, lower = (channel * height + rows.after[y]) * width;
  const row = new Float32Array(width);
  for (let x = 0; x < width; x++) row[x] = data[upper + x] + rows.share[y] * (data[lower + x] - data[upper + x]);
  for (let x = 0; x < line.length; x++) {
    const left = row[columns.before[x]];
    line[x] = left + columns.share[x] * (row[columns.after[x]] - left);
  }
}

// How much the change grows per growth of the picture, from 3×3 pixels around each.
function slopeOf(smaller, change) {
  const product = (one, two) => ({...one, data: one.data.map((value, n) => value * two.data[n])});
  const middle = mean(smaller).data, middleChange = mean(change).data;
  const square = mean(product(smaller, smaller)).data, both = mean(product(smaller, change)).data;
  const slope = planes(smaller.channels, smaller.height, smaller.width);
  for (let n = 0; n < slope.data.length; n++) {
    const variance = Math.max(0, square[n] - middle[n] ** 2), covariance = both[n] - middle[n] * middleChange[n];
    slope.data[n] = covariance / (variance + NOISE ** 2);
  }
  return slope;
}

// The mean of 3×3 pixels. Beyond its edges the picture repeats its last pixel.
function mean(picture) {
  const around = length => Array.from({length}, (_, n) => [n - 1, [1 / 3, 1 / 3, 1 / 3]]);
  return resampled(picture, picture.height, picture.width, around);
}

// The largest change of 3×3 pixels, at least 0.
function limitOf({channels, height, width, data}) {
  const limit = planes(channels, height, width);
  for (let row = 0; row < channels * height; row++) {
    const y = row % height, top = y > 0 ? row - 1 : row, bottom = y < height - 1 ? row + 1 : row;
    for (let x = 0; x < width; x++) {
      let largest = 0;
      for (let near = top; near <= bottom; near++)
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++)
          largest = Math.max(largest, data[near * width + column]);
      limit.data[row * width + x] = largest;
    }
  }
  return limit;
}
