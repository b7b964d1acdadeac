// Restores pictures of any size with any function that restores a tile, as `deraincli/restoration` does.

import {copy, crop, fromBytes, mirrored, planes} from "./planes.js";
import {recolourSaturated} from "./saturation.js";
import {TileBlender} from "./tile_blender.js";
import {plan} from "./tiling.js";
import {changed, difference, enlarged, reduced, smoothed, workingSize} from "./working_size.js";

// Restores planes at their own size. Resolves to planes with the channels of `runTile`, the colours in 0–1.
// `runTile` takes planes and resolves to planes: three colours, then RAM and CAM if the network has them.
export async function restoreTiled(picture, tiling, runTile, onTile = async () => {}) {
  const blender = new TileBlender(picture.width), tiles = plan(picture.height, picture.width, tiling);
  let made = null;
  for (const [done, tile] of tiles.entries()) {
    const answer = await runTile(mirrored(picture, tile.rows.source, tile.columns.source));
    const core = blender.settle(answer, tile);
    made ??= planes(answer.channels, picture.height, picture.width);
    copy(core, 0, 0, core.height, core.width, made, tile.rows.core.start, tile.columns.core.start);
    await onTile(done + 1, tiles.length);
  }
  for (let n = 0; n < made.data.length; n++) made.data[n] = Math.max(0, Math.min(1, made.data[n]));
  return made;
}

// Brings RGBA bytes to the size at which they are restored, as planes.
export function atWorkingSize(bytes, height, width) {
  const [h, w] = workingSize(height, width), full = fromBytes(bytes, height, width);
  return h === height && w === width ? full : reduced(full, h, w);
}

// Restores planes as `restoreTiled` does, and recolours saturated pixels. `inBytes` says whether the picture has its own
// size: its colours are then rounded to 8 bits, as in Python.
async function restorePlanes(picture, tiling, runTile, inBytes, onTile) {
  const made = await restoreTiled(picture, tiling, runTile, onTile);
  const colours = made.data.subarray(0, 3 * picture.height * picture.width);
  if (inBytes) for (let n = 0; n < colours.length; n++) colours[n] = Math.round(255 * colours[n]) / 255;
  recolourSaturated(picture, {...made, channels: 3, data: colours}, inBytes);
  return made;
}

// Restores RGBA bytes. `smaller` is what `atWorkingSize` made of them. Resolves to {bytes, maps}: RGBA bytes, and
// RAM and CAM as planes of their size, or null.
export async function restoreBytes(bytes, height, width, smaller, tiling, runTile, onTile) {
  const whole = smaller.height === height && smaller.width === width;
  const restored = await restorePlanes(smaller, tiling, runTile, whole, onTile);
  const maps = restored.channels < 5 ? null : lastChannels(restored);
  const change = difference(restored, smaller);
  return {
    bytes: changed(bytes, whole ? change : enlarged(change, height, width)),
    maps: maps && (whole ? maps : smoothed(maps, height, width)),
  };
}

function lastChannels({height, width, data}) {
  return {channels: 2, height, width, data: data.slice(3 * height * width, 5 * height * width)};
}

// Whether windows of a picture, planes, show drops on the lens rather than streaks or no rain. `streak` and `drop` are
// models, {tiling, runTile}. `inBytes` says whether the picture has its own size. `trial` has the constants of
// `deraincli/restoration/window_trial.py`.
export async function windowsShowDrops(picture, {streak, drop}, inBytes, trial, onWindow = async () => {}) {
  const {window: side, ratio, least} = trial;
  const windows = starts(picture.height, trial).flatMap(top => starts(picture.width, trial).map(left =>
    crop(picture, top, left, Math.min(side, picture.height), Math.min(side, picture.width))));
  const changes = [0, 0];
  for (const window of windows) {
    for (const [which, {tiling, runTile}] of [streak, drop].entries())
      changes[which] += meanChange(window, await restorePlanes(window, tiling, runTile, inBytes)) / windows.length;
    await onWindow();
  }
  return changes[1] > Math.max(ratio * changes[0], least);
}

function meanChange(before, after) {
  let sum = 0;
  for (let n = 0; n < before.data.length; n++) sum += Math.abs(after.data[n] - before.data[n]);
  return sum / before.data.length;
}

// Where windows begin along a side, evenly from one end to the other.
function starts(extent, {window: side, most}) {
  const count = Math.min(most, Math.ceil(extent / side)), last = Math.max(extent - side, 0);
  return Array.from({length: count}, (_, n) => count === 1 ? 0 : Math.floor(n * last / (count - 1)));
}
