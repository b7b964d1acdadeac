// Joins overlapping tiles without seams: `deraincli/inference/blend.py` in JavaScript.

import {copy, crop, planes} from "./planes.js";

export class TileBlender {
  #width;
  #left = null;  // what the tile to the left shares with the next one
  #above = null;  // what the row of tiles above shares with the next one

  constructor(width) { this.#width = width; }

  // Blends the next tile of a plan with its neighbours. Returns the final values of its core.
  addTile(answer, {rows, columns}) {
    const top = rows.core.start - rows.source.start, left = columns.core.start - columns.source.start;
    const height = rows.core.stop - rows.core.start, width = columns.core.stop - columns.core.start;
    const block = crop(answer, top, left, height + rows.fadeOut, width + columns.fadeOut);
    const across = ramp(columns.blendIn), down = ramp(rows.blendIn);
    if (columns.blendIn) fade(block, this.#left, 0, columns.blendIn, block.height, (y, x) => across[x]);
    this.#left = crop(block, 0, width, block.height, columns.fadeOut);
    if (rows.blendIn) fade(block, this.#above, columns.core.start, width, rows.blendIn, y => down[y]);
    if (rows.fadeOut) {
      if (this.#above === null || this.#above.height < rows.fadeOut) this.#above = planes(answer.channels, rows.fadeOut, this.#width);
      copy(block, height, 0, rows.fadeOut, width, this.#above, 0, columns.core.start);
    }
    return crop(block, 0, 0, height, width);
  }
}

// Mixes `old`, from its column `at` on, into the upper left of `block`. `weight` is the share of the block.
function fade(block, old, at, width, height, weight) {
  for (let channel = 0; channel < block.channels; channel++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const to = (channel * block.height + y) * block.width + x;
        const before = old.data[(channel * old.height + y) * old.width + at + x];
        block.data[to] = before + weight(y, x) * (block.data[to] - before);
      }
}

// Half a cosine wave that rises from 0 to 1, both excluded.
function ramp(length) {
  return Float32Array.from({length}, (_, n) => 0.5 - 0.5 * Math.cos(Math.PI * (n + 0.5) / length));
}
