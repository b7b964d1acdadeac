// Recolours what a network restored from saturated pixels: `deraincli/inference/saturation.py` in JavaScript.

import {luma, planes} from "./planes.js";

const SATURATED = Math.fround(253 / 255), WHOLE_CHANGE = 20 / 255, REACH = 1.5, RADIUS = 6, LEAST_WEIGHT = 0.02;

// Gives partly saturated pixels that a network darkened the colour of their surroundings, in place. Both are planes of
// three colours. `inBytes` says whether the result is rounded to 8 bits.
export function recolourSaturated(before, restored, inBytes) {
  const area = before.height * before.width;
  const count = pixel => [0, 1, 2].reduce((sum, channel) => sum + (before.data[channel * area + pixel] >= SATURATED), 0);
  const counts = Uint8Array.from({length: area}, (_, pixel) => count(pixel));
  if (!counts.some(saturated => saturated === 1 || saturated === 2)) return;
  const colour = planes(4, before.height, before.width);  // the fourth plane is the weight
  for (let pixel = 0; pixel < area; pixel++) {
    if (counts[pixel] > 0) continue;
    const grey = luma(restored, pixel, area);
    for (let channel = 0; channel < 3; channel++) colour.data[channel * area + pixel] = restored.data[channel * area + pixel] - grey;
    colour.data[3 * area + pixel] = 1;
  }
  const around = blurred(colour);
  for (let pixel = 0; pixel < area; pixel++) {
    const weight = around.data[3 * area + pixel];
    if (counts[pixel] % 3 === 0 || weight <= LEAST_WEIGHT) continue;
    const places = [0, 1, 2].map(channel => channel * area + pixel), grey = luma(restored, pixel, area);
    const change = Math.max(...places.map(place => before.data[place] - restored.data[place]));
    const share = Math.max(0, Math.min(1, change / WHOLE_CHANGE));
    if (share === 0) continue;
    for (const place of places) {
      const value = restored.data[place] + share * (around.data[place] / weight - (restored.data[place] - grey));
      const limited = Math.max(0, Math.min(1, value));
      restored.data[place] = inBytes ? Math.round(255 * limited) / 255 : limited;
    }
  }
}

// Gaussian blur. Beyond its edges the picture is mirrored, the last row and column not repeated.
function blurred(picture) {
  const kernel = Array.from({length: 2 * RADIUS + 1}, (_, n) => Math.exp(-((n - RADIUS) ** 2) / (2 * REACH ** 2)));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const weights = kernel.map(weight => weight / sum);
  return along(along(picture, 1, weights), picture.width, weights);
}

// Convolves planes along their rows (`step` is 1) or columns (`step` is the width).
function along(picture, step, weights) {
  const {channels, height, width} = picture, made = planes(channels, height, width), length = step === 1 ? width : height;
  const places = Array.from({length}, (_, n) => weights.map((_, k) => step * mirroredIndex(n + k - RADIUS, length)));
  for (let at = 0; at < made.data.length; at++) {
    const place = step === 1 ? at % width : Math.floor(at / width) % height, start = at - place * step;
    let total = 0;
    for (let k = 0; k < weights.length; k++) total += weights[k] * picture.data[start + places[place][k]];
    made.data[at] = total;
  }
  return made;
}

function mirroredIndex(index, length) {
  if (length === 1) return 0;
  const period = 2 * length - 2, inside = ((index % period) + period) % period;
  return Math.min(inside, period - inside);
}
