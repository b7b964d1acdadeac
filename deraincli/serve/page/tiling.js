// Cuts pictures into overlapping tiles: `deraincli/inference/tiling.py` in JavaScript. Pure functions.
// A tile along one axis is {source, core, blendIn, fadeOut}, with spans {start, stop}.

const SIDE = 928;  // side of a tile, pixels, as for ONNX Runtime in Python
const LONGEST_FADE = 32;
const LARGEST_SHARE = 5 / 8;  // largest overlap as a fraction of a tile's side

const roundUp = (length, multiple) => Math.ceil(length / multiple) * multiple;
const roundDown = (length, multiple) => Math.floor(length / multiple) * multiple;

// The tiling of a model that needs `margin` pixels of context and sides that are multiples of `multiple`.
export function tilingFor(margin, multiple) {
  const needed = roundUp(2 * margin + Math.min(Math.ceil(margin / 2), LONGEST_FADE), multiple);
  const side = Math.max(roundDown(Math.max(SIDE, 3 * needed), multiple), multiple);
  return {side, overlap: Math.min(needed, roundDown(LARGEST_SHARE * side, multiple)), multiple};
}

// The fewest tiles that cover a picture, in reading order, as {rows, columns}.
export function plan(height, width, tiling) {
  const columns = cut(width, tiling);
  return cut(height, tiling).flatMap(rows => columns.map(column => ({rows, columns: column})));
}

// Evenly spread cuts of equal length that cover an axis and its padding.
export function cut(length, {side: largest, overlap, multiple}) {
  const padded = roundUp(length, multiple), fade = Math.min(Math.floor(overlap / 5), LONGEST_FADE);
  if (padded <= largest) return [{source: {start: 0, stop: padded}, core: {start: 0, stop: length}, blendIn: 0, fadeOut: 0}];
  const count = Math.ceil((padded - overlap) / (largest - overlap));
  const side = roundUp(Math.ceil((padded + (count - 1) * overlap) / count), multiple);
  const starts = Array.from({length: count}, (_, n) => roundDown(Math.floor(n * (padded - side) / (count - 1)), multiple));
  // Each fade lies in the middle of the pixels that two neighbours share.
  const fades = starts.slice(1).map((start, n) => Math.floor((start + starts[n] + side - fade) / 2));
  return starts.map((start, n) => ({
    source: {start, stop: start + side},
    core: {start: n === 0 ? 0 : fades[n - 1], stop: n === count - 1 ? length : fades[n]},
    blendIn: n > 0 ? fade : 0,
    fadeOut: n < count - 1 ? fade : 0,
  }));
}
