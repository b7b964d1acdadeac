// Pictures as planes of numbers, channels × height × width, in one Float32Array. Pure functions.

const LUMA = [0.299, 0.587, 0.114];  // of R, G and B, as in `deraincli/pixels.py`

export function planes(channels, height, width) {
  return {channels, height, width, data: new Float32Array(channels * height * width)};
}

// The grey value of a pixel of three colours. `area` is the number of pixels.
export function luma({data}, pixel, area) {
  return LUMA.reduce((sum, share, channel) => sum + share * data[channel * area + pixel], 0);
}

// A rectangle of `from` is copied to `to`, whose size it has from `row` and `column` on.
export function copy(from, top, left, height, width, to, row, column) {
  for (let channel = 0; channel < from.channels; channel++)
    for (let y = 0; y < height; y++) {
      const start = (channel * from.height + top + y) * from.width + left;
      to.data.set(from.data.subarray(start, start + width), (channel * to.height + row + y) * to.width + column);
    }
}

export function crop(from, top, left, height, width) {
  const part = planes(from.channels, height, width);
  copy(from, top, left, height, width, part, 0, 0);
  return part;
}

// The colours of RGBA bytes as numbers of 0–1.
export function fromBytes(bytes, height, width) {
  const made = planes(3, height, width), area = height * width;
  for (let channel = 0; channel < 3; channel++)
    for (let pixel = 0; pixel < area; pixel++) made.data[channel * area + pixel] = bytes[4 * pixel + channel] / 255;
  return made;
}

// RGBA bytes with the colours of planes. Their opacity stays.
export function withColours(bytes, {height, width, data}) {
  const made = new Uint8ClampedArray(bytes), area = height * width;
  for (let channel = 0; channel < 3; channel++)
    for (let pixel = 0; pixel < area; pixel++) made[4 * pixel + channel] = 255 * data[channel * area + pixel];
  return made;
}

// `count` planes from `first` on.
export function channelsOf({height, width, data}, first, count) {
  const area = height * width;
  return {channels: count, height, width, data: data.slice(first * area, (first + count) * area)};
}

// Reads a region of a picture that is mirrored at its bottom and right, the last row and column not repeated.
export function mirrored(picture, rows, columns) {
  const at = (span, length) => Array.from({length: span.stop - span.start}, (_, n) => {
    if (length === 1) return 0;
    const index = (span.start + n) % (2 * length - 2);
    return Math.min(index, 2 * length - 2 - index);
  });
  const ys = at(rows, picture.height), xs = at(columns, picture.width);
  const made = planes(picture.channels, ys.length, xs.length);
  let next = 0;
  for (let channel = 0; channel < picture.channels; channel++)
    for (const y of ys) {
      const row = (channel * picture.height + y) * picture.width;
      for (const x of xs) made.data[next++] = picture.data[row + x];
    }
  return made;
}

// Changes the size of planes with weights along each axis: `axis` returns [[first, weights], …] for each new place.
export function resampled(picture, height, width, axis) {
  const wide = planes(picture.channels, picture.height, width), made = planes(picture.channels, height, width);
  const columns = axis(picture.width, width), rows = axis(picture.height, height);
  for (let row = 0; row < picture.channels * picture.height; row++) {
    const from = row * picture.width;
    for (let x = 0; x < width; x++) {
      const [first, weights] = columns[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += weights[k] * picture.data[from + Math.max(0, Math.min(picture.width - 1, first + k))];
      wide.data[row * width + x] = sum;
    }
  }
  for (let channel = 0; channel < picture.channels; channel++)
    for (let y = 0; y < height; y++) {
      const [first, weights] = rows[y], to = (channel * height + y) * width;
      for (let k = 0; k < weights.length; k++) {
        const from = (channel * picture.height + Math.max(0, Math.min(picture.height - 1, first + k))) * width;
        for (let x = 0; x < width; x++) made.data[to + x] += weights[k] * wide.data[from + x];
      }
    }
  return made;
}
