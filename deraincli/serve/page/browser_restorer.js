// Restores photos in this browser. No photo leaves the device.

import {blend, weightsOf} from "./blend.js";
import {withMetadata} from "./file_metadata.js";

const QUALITY = 0.95, VISIBLE = 10.5;
let last = {};  // the photo that was restored last: {file, key, before, after: ImageData}

// The service worker lets the page work offline and use several threads. The first visit begins anew once it runs.
async function serviceWorker() {
  if (!("serviceWorker" in navigator)) return;
  await active(await navigator.serviceWorker.register("service_worker.js"));
  const busy = document.querySelector("#photos li") !== null;
  if (busy || self.crossOriginIsolated || sessionStorage.getItem("begun")) return;
  sessionStorage.setItem("begun", "anew");
  location.reload();
  await new Promise(() => {});
}

// Resolves once the service worker runs. Rejects if it cannot be installed, of which `ready` says nothing.
function active({installing}) {
  return new Promise((resolve, reject) => {
    navigator.serviceWorker.ready.then(resolve);
    const look = () => { if (installing?.state === "redundant") reject(new Error("The service worker cannot be installed.")); };
    installing?.addEventListener("statechange", look);
    look();
  });
}

await serviceWorker().catch(() => {});  // without it, the page works online and with one thread

export const WHERE = "Your photos stay on this device: the rain is removed in your browser.";
export const FOR_PROGRAMS = false;

const worker = new Worker("restoring_worker.js", {type: "module"});
const waiting = new Map();
let nextId = 0, ready;
const offered = new Promise((resolve, reject) => {
  ready = resolve;
  worker.onerror = event => reject(new Error(`The page could not be loaded in full (${event.message}): load it again.`));
});
worker.onmessage = ({data}) => {
  if (data.ready) return ready(data);
  const {resolve, reject} = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error) reject(Object.assign(new Error(data.error.message), {name: data.error.name}));
  else resolve(data.answer);
};

export async function models() {
  const {ready, automatic} = await offered;
  return [{name: automatic, tasks: ["streak", "drop"], default: true}, ...ready.map(model => ({...model, default: false}))];
}

// The values as the file has them, turned upright. Colour profiles are not applied, as in Python.
async function read(file) {
  const bitmap = await createImageBitmap(file, {colorSpaceConversion: "none", premultiplyAlpha: "none"}).catch(() => {
    throw new Error(`This browser cannot read ${file.name}: save it as JPEG or PNG.`);
  });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

async function encoded(image, file, type) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const blob = await canvas.convertToBlob({type, quality: QUALITY});
  const [made, original] = await Promise.all([blob, file].map(async part => new Uint8Array(await part.arrayBuffer())));
  return new Blob([withMetadata(made, original)], {type: blob.type});
}

// JPEG stays JPEG. All other formats become PNG, which loses nothing.
const typeFor = file => file.type === "image/jpeg" ? "image/jpeg" : "image/png";

async function mapFile(values, width, height) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let n = 0; n < values.length; n++) pixels.fill(255 * values[n], 4 * n, 4 * n + 3)[4 * n + 3] = 255;
  return encoded(new ImageData(pixels, width, height), new Blob(), "image/png");
}

const keyOf = ({model, task}) => `${model} ${task}`;

async function run(file, options, signal) {
  const {automatic} = await offered;
  const before = await read(file), {width, height} = before, id = nextId++;
  signal?.throwIfAborted();
  signal?.addEventListener("abort", () => worker.postMessage({id, stop: true}));
  const answer = await new Promise((resolve, reject) => {
    waiting.set(id, {resolve, reject});
    worker.postMessage({id, bytes: before.data, width, height, name: options.model || automatic, task: options.task || "auto"});
  });
  const after = new ImageData(answer.after, width, height);
  last = {file, key: keyOf(options), before, after};
  return answer;
}

function changedShare({before, after}) {
  let count = 0;
  for (let at = 0; at < before.data.length; at += 4)
    count += [0, 1, 2].some(channel => Math.abs(after.data[at + channel] - before.data[at + channel]) > VISIBLE);
  return count / (before.width * before.height);
}

// Restores a photo. `options` are {task, model}. Resolves to {picture, ram, cam: Blobs or null, record}.
export async function restore(file, options, signal) {
  const answer = await run(file, options, signal), images = last, {width, height} = images.after;
  const area = width * height, maps = answer.maps;
  const map = which => maps && mapFile(maps.subarray(which * area, (which + 1) * area), width, height);
  const [picture, ram, cam] = await Promise.all([encoded(images.after, file, typeFor(file)), map(0), map(1)]);
  const record = {
    width, height, seconds: answer.seconds, model: answer.model, device: answer.provider,
    changed_share: changedShare(images), rain: answer.rain, notes: answer.notes,
  };
  return {record, picture, ram, cam};
}

async function weights({mask, protect}, width, height) {
  const alphas = await Promise.all([mask, protect].map(async blob => {
    if (!blob) return null;
    const bitmap = await createImageBitmap(blob), context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0, width, height);
    const {data} = context.getImageData(0, 0, width, height);
    for (let at = 0; at < data.length; at += 4) data[at + 3] = data[at];  // grey counts as opacity does
    return data;
  }));
  return weightsOf(...alphas);
}

// Makes the file of a photo with its strength and masks. `options` are {task, model, strength, mask, protect}.
export async function save(file, options) {
  if (last.file !== file || last.key !== keyOf(options)) await run(file, options);
  const {before, after} = last, {width, height} = after, mixed = new ImageData(width, height);
  blend(before.data, after.data, options.strength ?? 1, await weights(options, width, height), mixed.data);
  return encoded(mixed, file, typeFor(file));
}
