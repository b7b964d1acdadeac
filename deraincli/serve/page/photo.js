// One photo on the page: its file, its state, and its pixels before and after.

import {blend, tint, weightsOf} from "./blend.js";
import {Strokes} from "./brush.js";

const MOST_PIXELS = 16e6;  // larger photos are shown smaller, as some browsers have no larger canvas
const RAM_COLOUR = [255, 96, 32], CAM_COLOUR = [40, 200, 120];
const MASK_COLOUR = "#2fa36bb0", PROTECT_COLOUR = "#d6336cb0";

// Decodes a file to a canvas of at most MOST_PIXELS, or of `size`.
async function decode(blob, size) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const width = size?.width ?? Math.round(bitmap.width * scale), height = size?.height ?? Math.round(bitmap.height * scale);
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  canvas.getContext("2d", {willReadFrequently: true}).drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

function tinted(map, colour) {
  const context = map.getContext("2d"), pixels = context.getImageData(0, 0, map.width, map.height);
  tint(pixels.data, colour);
  context.putImageData(pixels, 0, 0);
}

const pixelsOf = canvas => canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data ?? null;

export class Photo {
  state = "waiting";  // waiting, running, done, failed or cancelled
  error = "";
  strength = 1;
  strokes = new Strokes();
  result = null;  // what the restorer returned
  before = null;  // this and the next three are canvases, while the photo is in the viewer
  after = null;
  ram = null;
  cam = null;

  constructor(file, name) {
    this.file = file;
    this.name = name;
    this.sources = {before: file, after: null, ram: null, cam: null};  // Blobs
  }

  // Takes what a restorer returned, with the photo and its restoration in formats that the browser reads.
  finish(result, before, after) {
    this.result = result;
    this.sources = {before, after, ram: result.ram, cam: result.cam};
  }

  // Decodes the photo for the viewer. Resolves to whether the browser can read it.
  async load() {
    this.before = await decode(this.sources.before).catch(() => null);
    if (this.before === null) return false;
    this.size = {width: this.before.width, height: this.before.height};
    for (const name of ["after", "ram", "cam"])
      this[name] = this.sources[name] && await decode(this.sources[name], this.size);
    if (this.ram) tinted(this.ram, RAM_COLOUR);
    if (this.cam) tinted(this.cam, CAM_COLOUR);
    return true;
  }

  // Gives the memory back, which is 200 MB for a photo of 12 megapixels.
  release() { this.before = this.after = this.ram = this.cam = null; }

  get plain() { return this.strength === 1 && this.strokes.empty; }

  // Draws the photo at its strength, where the brush allows it.
  drawAfter(canvas) {
    const {before, after} = this, {width, height} = before;
    Object.assign(canvas, {width, height});
    const context = canvas.getContext("2d");
    if (after === null || this.plain) {
      context.drawImage(after ?? before, 0, 0);
      return;
    }
    const mixed = context.createImageData(width, height);
    const weights = weightsOf(...["mask", "protect"].map(kind => pixelsOf(this.strokes.canvas(kind, width, height))));
    blend(pixelsOf(before), pixelsOf(after), this.strength, weights, mixed.data);
    context.putImageData(mixed, 0, 0);
  }

  // Draws what lies over both sides: the strokes, and a map if one is shown.
  drawAbove(canvas, map) {
    const {width, height} = this.before;
    Object.assign(canvas, {width, height});
    const context = canvas.getContext("2d");
    if (this[map]) context.drawImage(this[map], 0, 0);
    this.strokes.draw(context, "mask", MASK_COLOUR);
    this.strokes.draw(context, "protect", PROTECT_COLOUR);
  }

  // The options that the strokes and the slider stand for.
  async edits() {
    if (this.plain) return {};
    const {width, height} = this.size;
    const [mask, protect] = await Promise.all(["mask", "protect"].map(kind => this.strokes.file(kind, width, height)));
    return {strength: this.strength, mask, protect};
  }
}
