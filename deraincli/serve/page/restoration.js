// Restores pictures of any size tile by tile, as `deraincli/inference/tiled.py` does.

import {copy, mirrored, planes} from "./planes.js";
import {TileBlender} from "./tile_blender.js";
import {plan} from "./tiling.js";

// Restores planes at their own size. Resolves to planes with the channels of `runTile`, the colours in 0–1.
// `runTile` takes planes and resolves to planes: three colours, then RAM and CAM if the network has them.
export async function restoreTiled(picture, tiling, runTile, onTile = async () => {}) {
  const blender = new TileBlender(picture.width), tiles = plan(picture.height, picture.width, tiling);
  let made = null;
  for (const [done, tile] of tiles.entries()) {
    const answer = await runTile(mirrored(picture, tile.rows.source, tile.columns.source));
    const core = blender.addTile(answer, tile);
    made ??= planes(answer.channels, picture.height, picture.width);
    copy(core, 0, 0, core.height, core.width, made, tile.rows.core.start, tile.columns.core.start);
    await onTile(done + 1, tiles.length);
  }
  for (let n = 0; n < made.data.length; n++) made.data[n] = Math.max(0, Math.min(1, made.data[n]));
  return made;
}
