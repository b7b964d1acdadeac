// The before/after slider with zoom and pan. Reports and the page of `derain serve` share it.
// Each page has at most one. Its look is in comparison_slider.css.

const MAX_ZOOM = 32;
const LEAST_WIDTH = 320, THUMBNAIL_WIDTH = 640;  // pixels that a small picture, or a thumbnail, fills at least
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export const MODES = {slider: null, difference: 1, "difference ×4": 4, "difference ×16": 16};

const widthOf = side => side.naturalWidth ?? side.width;
const heightOf = side => side.naturalHeight ?? side.height;

export class ComparisonSlider {
  // Magnification, and where the picture's corner is, in widths and heights of the stage. All sides share it.
  view = {zoom: 1, x: 0, y: 0};
  mode = "slider";
  small = false;  // whether the pictures are thumbnails
  onlook = () => {};  // called after every change of the view
  onpaint = null;  // takes the pointer instead of the slider: called with a place in the picture, "start" or "move"

  // `left` and `right` are images or canvases of one size, `above` is a canvas over both, or nothing.
  constructor(root, left, right, above) {
    const box = (id, parent, ...inside) => {
      const made = Object.assign(document.createElement("div"), {id});
      made.append(...inside);
      parent.append(made);
      return made;
    };
    Object.assign(left, {id: "left", className: "side"});
    Object.assign(right, {id: "right", className: "side"});
    this.right = right;
    this.stage = box("stage", root);
    const views = box("views", this.stage, right);
    box("before", views, left);
    if (above) box("above", this.stage, Object.assign(above, {id: "overlay", className: "side"}));
    this.edge = box("edge", this.stage);
    this.range = Object.assign(document.createElement("input"),
      {id: "at", type: "range", min: 0, max: 100, step: 1, ariaLabel: "Where the left picture ends"});
    root.append(this.range);
    this.range.oninput = () => this.place(this.range.value);
    right.onload = () => this.enlarge();
    window.addEventListener("resize", () => this.enlarge());
    this.#listen();
    this.place(50);
  }

  set hidden(hidden) { this.stage.hidden = this.range.hidden = hidden; }

  place(percent) {
    this.range.value = Math.max(0, Math.min(100, percent));
    this.stage.style.setProperty("--at", `${this.range.value}%`);
  }

  // Pixels of the screen per pixel of the picture where the whole picture is shown.
  get fit() {
    return widthOf(this.right) ? this.right.clientWidth * devicePixelRatio / widthOf(this.right) : 1;
  }

  get percent() { return `${+(100 * this.view.zoom * this.fit).toPrecision(3)}%`; }

  #within(zoom) { return Math.max(Math.min(1, 1 / this.fit), Math.min(MAX_ZOOM, zoom)); }

  look(zoom, x, y) {
    const view = this.view;
    view.zoom = this.#within(zoom);
    const corner = wanted => view.zoom < 1 ? (1 - view.zoom) / 2 : Math.max(1 - view.zoom, Math.min(0, wanted));
    view.x = corner(x);
    view.y = corner(y);
    for (const [name, value] of Object.entries(view)) this.stage.style.setProperty(`--${name}`, value);
    this.stage.classList.toggle("zoomed", view.zoom > 1);
    this.stage.classList.toggle("pixels", view.zoom * this.fit >= 2 && !this.small);
    this.onlook();
  }

  showWhole() { this.look(1, 0, 0); }

  // Zooms so that what is at `point` stays there.
  zoom(factor, point = {x: 0.5, y: 0.5}) {
    const {view} = this, wanted = this.#within(view.zoom * factor), scale = wanted / view.zoom;
    this.look(wanted, point.x - (point.x - view.x) * scale, point.y - (point.y - view.y) * scale);
  }

  actualSize() { this.zoom(1 / this.fit / this.view.zoom); }

  // Small pictures fill a least width in whole multiples, as far as the window is high enough.
  enlarge() {
    const width = widthOf(this.right), least = this.small ? THUMBNAIL_WIDTH : LEAST_WIDTH;
    const times = Math.min(Math.ceil(least / width), Math.floor(0.8 * innerHeight / heightOf(this.right)));
    this.right.style.width = times > 1 ? `${times * width}px` : "";
    this.look(this.view.zoom, this.view.x, this.view.y);
  }

  setMode(mode) {
    this.mode = mode;
    this.stage.classList.toggle("difference", MODES[mode] !== null);
    this.stage.style.setProperty("--gain", MODES[mode] ?? 1);
  }

  setPainting(onpaint) {
    this.onpaint = onpaint;
    this.stage.classList.toggle("painting", onpaint !== null);
  }

  // Answers the keys that slide, zoom and move. Returns whether the key was one of them.
  press(event) {
    const arrow = ARROWS[event.key];
    const keys = {
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5),
      "0": () => this.showWhole(), a: () => this.actualSize(),
    };
    const {view} = this;
    if (arrow && event.shiftKey && view.zoom > 1) this.look(view.zoom, view.x - arrow[0] / 8, view.y - arrow[1] / 8);
    else if (arrow?.[0] && event.target !== this.range) this.place(+this.range.value + arrow[0] * (event.shiftKey ? 10 : 2));
    else if (keys[event.key.toLowerCase()]) keys[event.key.toLowerCase()]();
    else return false;
    return true;
  }

  #where(event) {
    const box = this.stage.getBoundingClientRect();
    return {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height, left: event.clientX, top: event.clientY};
  }

  // A place on the stage as a place in the picture, 0–1 along both sides.
  #inPicture({x, y}) {
    return {x: (x - this.view.x) / this.view.zoom, y: (y - this.view.y) / this.view.zoom};
  }

  #listen() {
    const {stage, view} = this;
    const pressed = new Map();  // the fingers, or the mouse, that are down
    let sliding = false, painting = false, atBefore = 50;
    stage.onpointerdown = event => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      pressed.set(event.pointerId, this.#where(event));
      painting = this.onpaint !== null && pressed.size === 1;
      if (painting) this.onpaint(this.#inPicture(this.#where(event)), "start");
      if (this.onpaint) return;
      if (pressed.size === 1) atBefore = this.range.value;
      sliding = pressed.size === 1 && (view.zoom <= 1 || event.target === this.edge);
      this.place(sliding ? 100 * this.#where(event).x : atBefore);  // a second finger zooms: the first one did not mean to slide
    };
    stage.onpointermove = event => {
      const before = pressed.get(event.pointerId), now = this.#where(event);
      if (!before) return;
      const other = [...pressed].find(([id]) => id !== event.pointerId)?.[1];
      const reach = point => Math.max(1, Math.hypot(point.left - other.left, point.top - other.top));
      if (other) this.zoom(reach(now) / reach(before), other);
      else if (painting) this.onpaint(this.#inPicture(now), "move");
      else if (sliding) this.place(100 * now.x);
      else this.look(view.zoom, view.x + now.x - before.x, view.y + now.y - before.y);
      pressed.set(event.pointerId, now);
    };
    stage.onpointerup = stage.onpointercancel = event => pressed.delete(event.pointerId);
    stage.ondblclick = event => {
      if (this.onpaint) return;
      if (view.zoom > 1) this.showWhole();
      else this.zoom(4, this.#where(event));
    };
    stage.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;  // the page scrolls
      event.preventDefault();
      this.zoom(2 ** (-event.deltaY * (event.deltaMode ? 16 : 1) / 200), this.#where(event));
    }, {passive: false});
  }
}
