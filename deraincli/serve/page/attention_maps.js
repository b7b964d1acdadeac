// Attention maps: planes of RAM and CAM. Pure functions.

// Joins the maps of two restorations. A pixel is as rainy as the rainier of both says.
export function rainier(one, two) {
  const area = one.height * one.width;
  const join = (value, at) => at < area ? Math.max(value, two.data[at]) : Math.min(value, two.data[at]);
  return {...one, data: one.data.map(join)};
}

// The maps of a restoration of which only a share counts.
export function weakened(maps, share) {
  const area = maps.height * maps.width;
  return {...maps, data: maps.data.map((value, at) => at < area ? share * value : 1 - share * (1 - value))};
}
