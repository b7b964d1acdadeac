// Tries the models for streaks and for drops on windows of a picture: `deraincli/restoration/window_trial.py` in
// JavaScript.

import {restoreOnce} from "./passes.js";
import {crop} from "./planes.js";

// Whether windows of a picture, planes, show drops on the lens rather than streaks or no rain. `streak` and `drop` are
// models, {tiling, runTile}. `inBytes` says whether the results are rounded to 8 bits. `trial` has the constants of the
// Python module.
export async function windowsShowDrops(picture, {streak, drop}, inBytes, trial, onWindow = async () => {}) {
  const {window: side, ratio, least} = trial;
  const windows = starts(picture.height, trial).flatMap(top => starts(picture.width, trial).map(left =>
    crop(picture, top, left, Math.min(side, picture.height), Math.min(side, picture.width))));
  const changes = [0, 0];
  for (const window of windows) {
    for (const [which, {tiling, runTile}] of [streak, drop].entries())
      changes[which] += meanChange(window, (await restoreOnce(window, inBytes, tiling, runTile)).image) / windows.length;
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
