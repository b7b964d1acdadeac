// Strokes of the brush over one photo, each for a mask or for a protection, and what they cover.

export class Strokes {
  #done = [];  // {kind: "mask" or "protect", radius, points}; radius and points in widths of the photo

  get empty() { return this.#done.length === 0; }

  begin(kind, radius, point) { this.#done.push({kind, radius, points: [point]}); }

  extend(point) { this.#done.at(-1)?.points.push(point); }

  undo() { this.#done.pop(); }

  clear() { this.#done = []; }

  has(kind) { return this.#done.some(stroke => stroke.kind === kind); }

  // Draws the strokes of a kind in a colour. Points are {x, y} in widths and heights.
  draw(context, kind, colour) {
    const {width, height} = context.canvas;
    Object.assign(context, {lineCap: "round", lineJoin: "round", strokeStyle: colour, globalCompositeOperation: "source-over"});
    for (const stroke of this.#done) {
      if (stroke.kind !== kind) continue;
      context.lineWidth = Math.max(1, 2 * stroke.radius * width);
      context.beginPath();
      const [first] = stroke.points;
      context.moveTo(first.x * width, first.y * height);
      for (const {x, y} of stroke.points) context.lineTo(x * width, y * height);
      context.stroke();
    }
  }

  // The strokes of a kind as a canvas that is opaque where they are, or null if there are none.
  canvas(kind, width, height) {
    if (!this.has(kind)) return null;
    const canvas = Object.assign(document.createElement("canvas"), {width, height});
    this.draw(canvas.getContext("2d", {willReadFrequently: true}), kind, "#fff");
    return canvas;
  }

  // The same as a grey file, white where the strokes are, for the options `mask` and `protect`.
  async file(kind, width, height) {
    const strokes = this.canvas(kind, width, height);
    if (strokes === null) return null;
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
    context.fillRect(0, 0, width, height);
    context.drawImage(strokes, 0, 0);
    return canvas.convertToBlob({type: "image/png"});
  }
}
