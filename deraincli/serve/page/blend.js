// Arithmetic on pixels. Pure functions, so that Node can test them.

// Moves `before` towards `after`, as `--strength`, `--mask` and `--protect` do. All are RGBA bytes of one size but
// `weights`, which has one number of 0–1 for each pixel, or is null for 1 everywhere. The result goes to `into`.
export function blend(before, after, strength, weights, into) {
  for (let pixel = 0, at = 0; at < before.length; pixel++, at += 4) {
    const share = weights === null ? strength : strength * weights[pixel];
    for (let channel = at; channel < at + 3; channel++)
      into[channel] = before[channel] + share * (after[channel] - before[channel]);  // the array rounds and clamps
    into[at + 3] = after[at + 3];
  }
}

// The weight of every pixel: 0 where it is protected, and where there is a mask but not here.
// `mask` and `protect` are RGBA bytes, of which the opacity counts, or null.
export function weightsOf(mask, protect) {
  if (mask === null && protect === null) return null;
  const weights = new Float32Array((mask ?? protect).length / 4);
  for (let pixel = 0; pixel < weights.length; pixel++)
    weights[pixel] = (mask === null ? 255 : mask[4 * pixel + 3]) * (255 - (protect === null ? 0 : protect[4 * pixel + 3])) / 65025;
  return weights;
}

// Colours a grey map, RGBA bytes, in place: clear where it is dark, and `colour` where it is bright.
export function tint(pixels, [red, green, blue]) {
  for (let at = 0; at < pixels.length; at += 4) {
    const value = pixels[at];
    pixels.set([red, green, blue, 0.8 * value], at);
  }
}
