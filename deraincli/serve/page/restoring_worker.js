// Restores pictures in a thread of its own, with ONNX Runtime. Its messages are {id, …}; a message {id, stop: true}
// stops a picture after its tile.

import {rainier} from "./attention_maps.js";
import {choose} from "./choice.js";
import {restoreInPasses} from "./passes.js";
import {fromBytes, planes} from "./planes.js";
import {classifierFrom} from "./rain_kind.js";
import {tilingFor} from "./tiling.js";

const {models, automatic} = await (await fetch("models.json")).json();
const opened = new Map(), stopped = new Set();

// Opens something for all pictures, by its key. What fails is tried again for the next picture.
function once(key, open) {
  if (!opened.has(key)) opened.set(key, open().catch(error => {
    opened.delete(key);
    throw error;
  }));
  return opened.get(key);
}

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
  const {ort, provider} = await once(openRuntime, openRuntime);
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

const model = name => once(name, () => openModel(name));

async function openClassifier() {
  const content = await (await fetch(automatic.classifier)).arrayBuffer();
  return classifierFrom(new Float32Array(content), automatic.layers);
}

// The models of a picture, RGBA bytes: {names, rain, notes}. `rain` is null where the user chose.
async function modelsFor({bytes, height, width, name, task}, check) {
  const named = name => ({names: [name], rain: null, notes: []});
  if (name !== automatic.name) return named(name);
  if (task !== "auto") return named(automatic.members[task]);
  return choose(fromBytes(bytes, height, width), await once(openClassifier, openClassifier), automatic, model, check);
}

async function restore(photo) {
  const {id, bytes, height, width} = photo;
  const begin = performance.now();
  const check = async () => {
    await new Promise(resume => setTimeout(resume));  // lets a message that stops this picture arrive
    if (stopped.delete(id)) throw new DOMException("The photo was stopped.", "AbortError");
  };
  let after = bytes, maps = null, provider;
  const {names, rain, notes} = await modelsFor(photo, check);
  for (const each of names) {
    const chosen = await model(each);
    const made = await restoreInPasses(after, height, width, chosen.tiling, chosen.runTile, check);
    after = made.bytes;
    maps = maps && made.maps ? rainier(maps, made.maps) : made.maps;
    provider = chosen.provider;
  }
  const seconds = (performance.now() - begin) / 1000;
  return {after, maps: maps?.data ?? null, model: names.join(" and "), provider, rain, notes, seconds};
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
