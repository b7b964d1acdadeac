// The page: takes photos, shows them, and hands them to a restorer.

import {ComparisonSlider} from "./comparison_slider.js";
import {Photo} from "./photo.js";
import {distinct, zipParts} from "./zip.js";

const loading = import(`./${document.body.dataset.restorer}_restorer.js`);  // photos may be chosen before it is here
const byId = id => document.getElementById(id);
const canvas = () => document.createElement("canvas");

const picture = ariaLabel => Object.assign(canvas(), {role: "img", ariaLabel});
const left = picture("the photo before"), right = picture("the photo after"), above = canvas();
const slider = new ComparisonSlider(byId("comparison"), left, right, above);
const photos = [];
let current = null, running = null;  // running: the AbortController of the photo that is being restored

function say(text) { byId("status").textContent = text; }

// Taking photos

const SUFFIXES = byId("files").accept.split(",").filter(kind => kind.startsWith("."));

// Browsers know no type of some formats, so the name counts as well.
const isPicture = ({type, name}) => type.startsWith("image/") || SUFFIXES.some(suffix => name.toLowerCase().endsWith(suffix));

function add(files) {
  const pictures = [...files].filter(isPicture);
  if (pictures.length < files.length) say(`${files.length - pictures.length} of ${files.length} files are no pictures.`);
  for (const file of pictures) {
    const photo = new Photo(file, file.name || "photo.png");
    photos.push(photo);
    addToList(photo);
    photo.opened = load(photo);
  }
  if (pictures.length && current === null) show(photos.at(-pictures.length));
  work();
}

for (const id of ["files", "camera"]) {
  byId(id).onchange = event => {
    add(event.target.files);
    event.target.value = "";  // the same file may be chosen again
  };
}
document.ondragover = event => {
  event.preventDefault();
  document.body.classList.add("dragging");
};
document.ondragleave = event => { if (!event.relatedTarget) document.body.classList.remove("dragging"); };
document.ondrop = event => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(event.dataTransfer.files);
};
document.onpaste = event => { if (event.clipboardData.files.length) add(event.clipboardData.files); };

// Removing the rain, one photo after another

const chosenTask = () => document.querySelector("[name=task]:checked").value;

async function work() {
  if (running) return;
  const photo = photos.find(({state}) => state === "waiting");
  if (!photo) return;
  running = {photo, abort: new AbortController()};
  setState(photo, "running");
  try {
    await restore(photo, running.abort.signal);
    setState(photo, "done");
    say(`${photo.name}: the rain is removed.`);
  } catch (error) {
    photo.error = error.message;
    setState(photo, error.name === "AbortError" ? "cancelled" : "failed");
    if (photo.state === "failed") say(`${photo.name}: ${error.message}`);
  }
  running = null;
  work();
}

async function restore(photo, signal) {
  const restorer = await loading;
  photo.options = {task: chosenTask(), model: byId("model").value};
  const result = await restorer.restore(photo.file, photo.options, signal);
  const readable = await photo.opened;  // browsers read no TIFF
  const [original, shown] = readable ? [photo.file, result.picture] : await Promise.all([
    restorer.save(photo.file, {format: "png", strength: 0}), restorer.save(photo.file, {...photo.options, format: "png"})]);
  signal.throwIfAborted();
  photo.finish(result, original, shown);
  await load(photo);
}

// Decodes a photo and draws its thumbnail. Only the photo in the viewer stays in memory.
async function load(photo) {
  const readable = await photo.load();
  if (readable) drawThumbnail(photo);
  if (photo !== current) photo.release();
  draw(photo);
  return readable;
}

// A change of the options restores all photos again.
byId("options").onchange = () => {
  running?.abort.abort();
  for (const photo of photos) if (photo !== running?.photo) setState(photo, "waiting");
  if (running) running.photo.again = true;
  work();
};

function setState(photo, state) {
  photo.state = photo.again ? "waiting" : state;  // however the run with the former options ended
  photo.again = false;
  draw(photo);
}

// The list

const FACES = {waiting: "waits", running: "working …", done: "done", failed: "failed", cancelled: "cancelled"};

function addToList(photo) {
  const item = document.createElement("li"), button = document.createElement("button");
  button.type = "button";
  button.onclick = () => show(photo);
  photo.item = item;
  photo.thumbnail = Object.assign(canvas(), {width: 1, height: 1});
  const [name, state] = [document.createElement("span"), document.createElement("span")];
  name.textContent = photo.name;
  photo.label = state;
  button.append(photo.thumbnail, name, state);
  item.append(button);
  byId("photos").append(item);
}

function drawThumbnail({before, after, thumbnail}) {
  const source = after ?? before;
  const scale = Math.min(1, 240 / source.width, 160 / source.height);
  Object.assign(thumbnail, {width: Math.max(1, source.width * scale), height: Math.max(1, source.height * scale)});
  thumbnail.getContext("2d").drawImage(source, 0, 0, thumbnail.width, thumbnail.height);
}

// Draws whatever shows a photo: its row in the list, and the viewer if it is in there.
function draw(photo) {
  if (!photos.includes(photo)) return;
  photo.label.textContent = FACES[photo.state];
  photo.label.classList.toggle("failed", photo.state === "failed");
  byId("download-all").disabled = !photos.some(({state}) => state === "done");
  byId("download-all").hidden = photos.length < 2;
  if (photo === current) drawViewer();
}

// The viewer

function show(photo) {
  current?.item.firstChild.removeAttribute("aria-current");
  current?.release();
  current = photo;
  byId("viewer").hidden = photo === null;
  if (photo === null) return;
  photo.item.firstChild.setAttribute("aria-current", "true");
  slider.showWhole();
  drawViewer();
  load(photo);
}

function drawViewer() {
  const {name, state, before, strength, error} = current;
  byId("name").textContent = name;
  byId("facts").textContent = state === "failed" ? error : facts(current);
  byId("facts").classList.toggle("failed", state === "failed");
  byId("waiting").hidden = !(state === "waiting" || state === "running");
  slider.hidden = before === null;
  for (const id of ["strength", "shown", "brush", "download"]) byId(id).disabled = state !== "done";
  byId("strength").value = strength;
  byId("strength-value").textContent = `${Math.round(100 * strength)} %`;
  byId("undo").disabled = byId("clear").disabled = current.strokes.empty;
  if (before === null) return;
  Object.assign(left, {width: before.width, height: before.height});
  left.getContext("2d").drawImage(before, 0, 0);
  const shown = byId("shown").value;
  slider.setMode(shown in {ram: 1, cam: 1} ? "slider" : shown);
  drawEdits();
  slider.enlarge();
}

function drawEdits() {
  if (current?.before == null) return;
  current.drawAfter(right);
  current.drawAbove(above, byId("shown").value);
}

// What was done, in a line.
function facts({state, result}) {
  if (state !== "done") return FACES[state];
  const {width, height, seconds, model, changed_share: share, rain, notes} = result.record;
  const percent = probability => `${Math.round(100 * probability)} %`;
  const chosen = rain && `streaks ${percent(rain.streaks)}, drops on the lens ${percent(rain.drops)} probable`;
  return [`${width}×${height}`, chosen, model, `${seconds.toFixed(1)} s`, `${(100 * share).toFixed(1)} % of the pixels changed visibly`, ...notes]
    .filter(Boolean).join(" · ");
}

// Draws at most once a frame, however fast the pointer is.
let drawing = 0;
function drawEditsSoon() { drawing ||= requestAnimationFrame(() => { drawing = 0; drawEdits(); }); }

byId("strength").oninput = event => {
  current.strength = +event.target.value;
  byId("strength-value").textContent = `${Math.round(100 * current.strength)} %`;
  drawEditsSoon();
};
byId("shown").onchange = drawViewer;
byId("cancel").onclick = () => {
  if (running?.photo === current) running.abort.abort();
  else setState(current, "cancelled");
};
slider.onlook = () => { byId("percent").textContent = slider.percent; };
byId("zoom-in").onclick = () => slider.zoom(2);
byId("zoom-out").onclick = () => slider.zoom(0.5);
byId("zoom-fit").onclick = () => slider.showWhole();
byId("zoom-actual").onclick = () => slider.actualSize();
byId("remove").onclick = () => {
  const at = photos.indexOf(current);
  if (running?.photo === current) running.abort.abort();
  current.item.remove();
  photos.splice(at, 1);
  show(photos[Math.min(at, photos.length - 1)] ?? null);
  photos.forEach(draw);
};

// The brush

const brush = () => document.querySelector("[name=brush]:checked").value;

function paint(point, phase) {
  if (current.state !== "done") return;
  const radius = byId("brush-size").value / 200 / slider.view.zoom;
  if (phase === "start") current.strokes.begin(brush(), radius, point);
  else current.strokes.extend(point);
  byId("undo").disabled = byId("clear").disabled = false;
  drawEditsSoon();
}

byId("brush").onchange = () => slider.setPainting(brush() ? paint : null);
function edit(change) {
  change(current.strokes);
  drawViewer();
}
byId("undo").onclick = () => edit(strokes => strokes.undo());
byId("clear").onclick = () => edit(strokes => strokes.clear());

// Saving

function offer(blob, name) {
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// photo.jpg becomes photo.derained.jpg, with the suffix of the format that it has.
function savedName({name}, type) {
  const suffix = {"image/jpeg": "jpg", "image/tiff": "tif"}[type] ?? type.split("/")[1];
  const [, stem, own = ""] = /^(.*?)(\.[^.]*)?$/.exec(name);
  const same = {jpg: /^\.(jpe?g|jpe|jfif)$/i, tif: /^\.tiff?$/i}[suffix] ?? new RegExp(`^\\.${suffix}$`, "i");
  return `${stem}.derained${same.test(own) ? own : `.${suffix}`}`;
}

// The file of a photo as it is shown, with its metadata.
async function file(photo) {
  return photo.plain ? photo.result.picture : (await loading).save(photo.file, {...photo.options, ...await photo.edits()});
}

async function download(make) {
  const buttons = ["download", "download-all"].map(byId);
  for (const button of buttons) button.disabled = true;
  say("The file is being made …");
  try {
    const {blob, name} = await make();
    offer(blob, name);
    say(`${name} is saved.`);
  } catch (error) {
    say(error.message);
  }
  if (current) draw(current);
}

byId("download").onclick = () => download(async () => {
  const photo = current, blob = await file(photo);
  return {blob, name: savedName(photo, blob.type)};
});
byId("download-all").onclick = () => download(async () => {
  const done = photos.filter(({state}) => state === "done"), blobs = [];
  for (const photo of done) blobs.push(await file(photo));
  const names = distinct(done.map((photo, index) => savedName(photo, blobs[index].type)));
  const contents = await Promise.all(blobs.map(async blob => new Uint8Array(await blob.arrayBuffer())));
  return {blob: new Blob(zipParts(contents.map((bytes, index) => ({name: names[index], bytes}))), {type: "application/zip"}), name: "derained.zip"};
});

// The keyboard

function step(by) {
  if (photos.length) show(photos[(photos.indexOf(current) + by + photos.length) % photos.length]);
}

function chooseBrush(kind) {
  document.querySelector(`[name=brush][value="${brush() === kind ? "" : kind}"]`).checked = true;
  byId("brush").onchange();
}

const KEYS = {
  n: () => step(1), p: () => step(-1), m: () => chooseBrush("mask"), k: () => chooseBrush("protect"),
  s: () => byId("download").click(), delete: () => byId("remove").click(),
};
document.onkeydown = event => {
  const typing = event.target.matches("select, input[type=radio], input[type=range]");
  if (!current || event.altKey) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z") byId("undo").click();
  else if (event.ctrlKey || event.metaKey || (typing && event.key.startsWith("Arrow")) || event.target.matches("select")) return;
  else if (KEYS[event.key.toLowerCase()]) KEYS[event.key.toLowerCase()]();
  else if (!slider.press(event)) return;
  event.preventDefault();
};

async function start() {
  const restorer = await loading;
  byId("where").textContent = restorer.WHERE;
  document.querySelector("footer").hidden = !restorer.FOR_PROGRAMS;
  for (const {name, default: usual} of await restorer.models())
    byId("model").append(Object.assign(document.createElement("option"), {value: usual ? "" : name, textContent: name}));
  byId("model").firstElementChild.remove();  // stood for the default until its name was known
}

start().catch(error => say(error.message));
