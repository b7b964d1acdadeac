// Chooses the models that restore a picture: `deraincli/restoration/auto_model.py` in JavaScript.

import {judgedSize, rainKinds} from "./rain_kind.js";
import {windowsShowDrops} from "./window_trial.js";

const DOUBT = "There may be drops on the lens, which are left: choose “drops on the lens” if there are.";

// `picture` are planes of 8 bits. `automatic` has the names of both specialists and the constants of the Python modules.
// `open` resolves a name to a model, {tiling, runTile}. Resolves to {names, rain, notes}: the models in the order in
// which they restore the picture, the probabilities of streaks and of drops, and sentences for the user.
export async function choose(picture, classifier, automatic, open, onWindow) {
  const {members: {streak, drop}, found, no_drops: noDrops, sure_drops: sureDrops, top_share: topShare, trial} = automatic;
  const judged = judgedSize(picture), rain = rainKinds(judged, classifier, topShare);
  const chosen = (names, notes = []) => ({names, rain, notes});
  if (rain.drops >= sureDrops) return chosen(rain.streaks >= found ? [drop, streak] : [drop]);
  if (rain.drops < noDrops) return chosen([streak]);
  const specialists = {streak: await open(streak), drop: await open(drop)};
  if (await windowsShowDrops(judged, specialists, judged === picture, trial, onWindow)) return chosen([drop]);
  return chosen([streak], rain.drops >= found ? [DOUBT] : []);
}
