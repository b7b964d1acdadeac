// Restores a picture in several passes, from its finest working size to its coarsest: `deraincli/inference/passes.py` in
// JavaScript.

import {rainier, weakened} from "./attention_maps.js";
import {carryOver, enlarged} from "./joint_upsampling.js";
import {channelsOf, fromBytes, planes, withColours} from "./planes.js";
import {restoreTiled} from "./restoration.js";
import {recolourSaturated} from "./saturation.js";
import {coarserSides, reduced, toFinestSize} from "./working_size.js";

// Restores RGBA bytes with `restoreTiled`. Resolves to {bytes, maps}: RGBA bytes, and RAM and CAM as planes of their
// size, or null.
export async function restoreInPasses(bytes, height, width, tiling, runTile, onTile) {
  const picture = fromBytes(bytes, height, width), finest = toFinestSize(picture);
  const inBytes = finest === picture;  // pictures of their own size are rounded to 8 bits after each step, as in Python
  let {image, maps} = await restoreOnce(finest, inBytes, tiling, runTile, onTile);
  for (const [side, share] of coarserSides(Math.min(finest.height, finest.width))) {
    const smaller = reduced(image, side, inBytes);
    const coarse = separated(await restoreTiled(smaller, tiling, runTile, onTile));
    carryOver(image, smaller, difference(coarse.image, smaller, share), inBytes);
    maps = maps && rainier(maps, enlarged(weakened(coarse.maps, share), maps.height, maps.width));
  }
  if (inBytes) return {bytes: withColours(bytes, image), maps};
  carryOver(picture, finest, difference(image, finest, 1), true);
  return {bytes: withColours(bytes, picture), maps: maps && enlarged(maps, height, width)};
}

// Restores planes at their own size, and recolours saturated pixels. `inBytes` says whether the result is rounded to 8
// bits. Resolves to {image, maps}.
export async function restoreOnce(picture, inBytes, tiling, runTile, onTile) {
  const {image, maps} = separated(await restoreTiled(picture, tiling, runTile, onTile));
  if (inBytes) for (let n = 0; n < image.data.length; n++) image.data[n] = Math.round(255 * image.data[n]) / 255;
  recolourSaturated(picture, image, inBytes);
  return {image, maps};
}

// The planes of a network: {image, maps}.
function separated(restored) {
  return {image: channelsOf(restored, 0, 3), maps: restored.channels < 5 ? null : channelsOf(restored, 3, 2)};
}

// A share of `after` − `before`.
function difference(after, before, share) {
  const made = planes(before.channels, before.height, before.width);
  for (let n = 0; n < made.data.length; n++) made.data[n] = share * (after.data[n] - before.data[n]);
  return made;
}
