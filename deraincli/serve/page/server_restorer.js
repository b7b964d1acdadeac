// Restores photos on the server that the page comes from.

export const WHERE = "Your photos go to this server only. It keeps none of them.";
export const FOR_PROGRAMS = true;

const FAILED = "The server cannot be reached: check that it still runs.";

// The token that `derain serve --token` printed as a part of the page's address, which browsers send to nobody.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const headers = token ? {Authorization: `Bearer ${token}`} : {};

async function ask(path, request = {}) {
  const answer = await fetch(path, {...request, headers}).catch(error => {
    throw error.name === "AbortError" ? error : new Error(FAILED);
  });
  if (answer.ok) return answer;
  const {detail} = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(detail ?? `The server answered ${answer.status}.`),
    {retryAfter: answer.status === 429 ? +answer.headers.get("Retry-After") : null});
}

// Asks again for as long as the server's queue is full.
async function askUntilServed(path, request) {
  for (;;) {
    try {
      return await ask(path, request);
    } catch (error) {
      if (!error.retryAfter) throw error;
      await new Promise(resume => setTimeout(resume, 1000 * error.retryAfter));
      request.signal?.throwIfAborted();
    }
  }
}

function form(file, options) {
  const data = new FormData();
  data.append("picture", file);
  for (const [name, value] of Object.entries(options)) if (value !== null && value !== "") data.append(name, value);
  return data;
}

function blobOf(base64, type) {
  return base64 === null ? null : new Blob([Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))], {type});
}

export async function models() { return (await ask("api/models")).json(); }

// Restores a photo. `options` are those of the interface. Resolves to {picture, ram, cam: Blobs or null, record}.
export async function restore(file, options, signal) {
  const answer = await askUntilServed("api/derain?maps=1", {method: "POST", body: form(file, options), signal});
  const {record, media_type, picture, ram, cam} = await answer.json();
  return {record, picture: blobOf(picture, media_type), ram: blobOf(ram, "image/png"), cam: blobOf(cam, "image/png")};
}

// Restores a photo for its file alone, with all of its metadata.
export async function save(file, options) {
  return (await askUntilServed("api/derain", {method: "POST", body: form(file, options)})).blob();
}
