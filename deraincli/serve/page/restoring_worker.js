// Restores pictures in a thread of its own, with ONNX Runtime. Its messages are {id, …}; a message {id, stop: true}
// stops a picture after its tile.

import {planes} from "./planes.js";
import {atWorkingSize, evidence, restoreBytes} from "./restoration.js";
import {tilingFor} from "./tiling.js";

const {models, automatic} = await (await fetch("models.json")).json();
const sessions = new Map(), stopped = new Set();
let runtime = null;  // a promise of ONNX Runtime and its provider

// WebGPU needs a graphics card, and a browser whose WebAssembly can wait for it.
async function canUseWebGpu() {
  return "Suspending" in WebAssembly && Boolean(await navigator.gpu?.requestAdapter().catch(() => null));
}

async function unpacked(file) {
  const packed = (await fetch(file)).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(packed).arrayBuffer();
}

async function openRuntime() {
  const gpu = await canUseWebGpu();
  const ort = await import(gpu ? "./ort.jspi.min.mjs" : "./ort.wasm.min.mjs");
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;
  ort.env.wasm.wasmBinary = await unpacked(`ort-wasm-simd-threaded${gpu ? ".jspi" : ""}.wasm.gz`);
  return {ort, provider: gpu ? "webgpu" : "wasm"};
}

async function openModel(name) {
  const {ort, provider} = await (runtime ??= openRuntime());
  const {file, tile_margin: margin, size_multiple: multiple} = models.find(model => model.name === name);
  const content = new Uint8Array(await (await fetch(file)).arrayBuffer());
  const session = await ort.InferenceSession.create(content, {executionProviders: [provider, "wasm"]});
  const runTile = async tile => {
    const answer = await session.run({rainy: new ort.Tensor("float32", tile.data, [1, 3, tile.height, tile.width])});
    const made = planes(answer.ram ? 5 : 3, tile.height, tile.width), area = tile.height * tile.width;
    for (const [name, channel] of [["image", 0], ["ram", 3], ["cam", 4]]) if (answer[name]) made.data.set(answer[name].data, channel * area);
    return made;
  };
  return {name, tiling: tilingFor(margin, multiple), runTile, provider};
}

function model(name) {
  if (!sessions.has(name)) sessions.set(name, openModel(name));
  return sessions.get(name);
}

// Chooses the model of a picture: {model, choice}.
async function choose(name, task, smaller, inBytes, check) {
  if (name !== automatic.name) return {chosen: await model(name), choice: null};
  if (task !== "auto") return {chosen: await model(automatic.members[task]), choice: null};
  const members = await Promise.all(["streak", "drop"].map(kind => model(automatic.members[kind])));
  const {dropRatio} = await evidence(smaller, members, inBytes, check);
  const drops = dropRatio > 1;
  return {chosen: members[+drops], choice: {task: drops ? "drop" : "streak", drop_ratio: dropRatio}};
}

async function restore({id, bytes, height, width, name, task}) {
  const begin = performance.now();
  const check = async () => {
    await new Promise(resume => setTimeout(resume));  // lets a message that stops this picture arrive
    if (stopped.delete(id)) throw new DOMException("The photo was stopped.", "AbortError");
  };
  const smaller = atWorkingSize(bytes, height, width), inBytes = smaller.height === height;
  const {chosen, choice} = await choose(name, task, smaller, inBytes, check);
  const {bytes: after, maps} = await restoreBytes(bytes, height, width, smaller, chosen.tiling, chosen.runTile, check);
  return {after, maps: maps?.data ?? null, model: chosen.name, provider: chosen.provider, choice, seconds: (performance.now() - begin) / 1000};
}

self.onmessage = async ({data}) => {
  if (data.stop) {
    stopped.add(data.id);
    return;
  }
  try {
    const answer = await restore(data);
    self.postMessage({id: data.id, answer}, [answer.after.buffer]);
  } catch (error) {
    self.postMessage({id: data.id, error: {name: error.name, message: error.message ?? String(error)}});
  }
};
self.postMessage({ready: models.map(({name, tasks}) => ({name, tasks})), automatic: automatic.name});
for (const name of Object.values(automatic.members)) model(name).catch(() => {});  // the first photo reports the error
