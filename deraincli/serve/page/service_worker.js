// Keeps the files of the page, so that it works offline, and isolates it, so that it may use several threads.

const VERSION = "VERSION_OF_THE_FILES";

self.addEventListener("install", event => event.waitUntil((async () => {
  const cache = await caches.open(VERSION);
  const files = await (await fetch("shell.json", {cache: "reload"})).json();
  await cache.addAll(["./", ...files].map(file => new Request(file, {cache: "reload"})));
  await self.skipWaiting();
})()));

self.addEventListener("activate", event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
  await self.clients.claim();
})()));

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin",
};

async function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, {status: response.status, statusText: response.statusText, headers});
}

async function answer(request) {
  const cache = await caches.open(VERSION), kept = await cache.match(request, {ignoreSearch: true});
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone()).catch(() => {});  // there may be no room for it
  return isolated(response);
}

self.addEventListener("fetch", event => {
  const {request} = event;
  if (request.method === "GET" && new URL(request.url).origin === self.location.origin) event.respondWith(answer(request));
});
