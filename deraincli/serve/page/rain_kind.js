// Recognises which rain a picture shows, as `deraincli/restoration/rain_kind.py` does. Pure functions.

import {reduced, USUAL_SIDE} from "./working_size.js";

const JUDGED_AS_IT_IS = 1.5 * USUAL_SIDE;  // shorter side up to which a picture is judged at its own size, pixels

// Unpacks the classifier. `values` is a Float32Array: weight and bias of every layer, then of the head. `layers` are
// [channels, stride].
export function classifierFrom(values, layers) {
  let start = 0;
  const next = count => values.subarray(start, start += count);
  const unpacked = (from, channels, stride, kernel) =>
    ({channels, stride, kernel, weight: next(kernel * kernel * from * channels), bias: next(channels)});
  let from = 3;
  const convolutions = layers.map(([channels, stride]) => {
    const layer = unpacked(from, channels, stride, 3);
    from = channels;
    return layer;
  });
  return {convolutions, head: unpacked(from, 2, 1, 1)};
}

// The picture of 8 bits that is judged, planes: a large one is reduced to the usual working size.
export function judgedSize(picture) {
  return Math.min(picture.height, picture.width) > JUDGED_AS_IT_IS ? reduced(picture, USUAL_SIDE, true) : picture;
}

// The probabilities of streaks and of drops on the lens in what `judgedSize` returns: {streaks, drops}. Each is the mean
// over the cells with the most rain, a share of `topShare` of all, 0–1.
export function rainKinds(picture, classifier, topShare) {
  const {data, channels} = logits(picture, classifier), count = data.length / channels;
  const mean = kind => {
    const cells = Float64Array.from({length: count}, (_, n) => 1 / (1 + Math.exp(-data[channels * n + kind])));
    const most = cells.sort().subarray(count - Math.ceil(topShare * count));
    return most.reduce((sum, probability) => sum + probability, 0) / most.length;
  };
  return {streaks: mean(0), drops: mean(1)};
}

// The logits of every cell: {height, width, channels: 2, data}, channels last.
export function logits(picture, {convolutions, head}) {
  let features = channelsLast(picture);
  for (const layer of convolutions) {
    features = convolved(features, layer);
    for (let n = 0; n < features.data.length; n++) features.data[n] = Math.max(0, features.data[n]);
  }
  return convolved(features, head);
}

function channelsLast({channels, height, width, data}) {
  const area = height * width, turned = new Float32Array(data.length);
  for (let channel = 0; channel < channels; channel++)
    for (let pixel = 0; pixel < area; pixel++) turned[channels * pixel + channel] = data[channel * area + pixel] - 0.5;
  return {channels, height, width, data: turned};
}

// A convolution with a border of zeros. Weights are in the order row, column, channel, channel of the result.
function convolved(from, {channels, stride, kernel, weight, bias}) {
  const height = Math.ceil(from.height / stride), width = Math.ceil(from.width / stride), border = (kernel - 1) / 2;
  const data = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const sums = data.subarray((y * width + x) * channels, (y * width + x + 1) * channels);
      sums.set(bias);
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const row = y * stride + Math.floor(tap / kernel) - border, column = x * stride + tap % kernel - border;
        if (row < 0 || column < 0 || row >= from.height || column >= from.width) continue;
        const pixel = (row * from.width + column) * from.channels;
        for (let channel = 0; channel < from.channels; channel++) {
          const value = from.data[pixel + channel], first = (tap * from.channels + channel) * channels;
          if (value !== 0) for (let n = 0; n < channels; n++) sums[n] += value * weight[first + n];
        }
      }
    }
  return {channels, height, width, data};
}
