// The server, or the recording that stands in its place: get, post, download, and the stream of events.

const KEY = "clearprop-token";
const EVENT_PAUSE = [250, 500, 1000, 2000, 4000, 8000]; // milliseconds before the n-th attempt to reconnect
const WAIT = 1000; // milliseconds between two questions whether a training has begun

let token = null;
let entries = null; // of the recording: address without its epoch -> [{epoch, present, value}]

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export const recorded = () => entries !== null;

// Take the token out of the address; return whether there was one.
function takeToken() {
  const found = /(?:^#|&)token=([\w-]{1,200})/.exec(location.hash);
  if (!found) return false;
  sessionStorage.setItem(KEY, found[1]);
  const rest = location.hash.replace(/(^#|&)token=[\w-]+&?/, "$1");
  history.replaceState(null, "", location.pathname + (rest === "#" ? "" : rest));
  return true;
}

// An address with another token, such as that of a program begun anew, does not load the page by itself.
function onAddress(event) {
  if (!takeToken()) return;
  event.stopImmediatePropagation();
  location.reload();
}

// Take the token out of the address, or read the recording that the file carries.
export async function open() {
  const recording = document.getElementById("recording");
  if (recording) {
    entries = await readRecording(recording.textContent.trim());
    return;
  }
  takeToken();
  addEventListener("hashchange", onAddress);
  token = sessionStorage.getItem(KEY);
}

async function readRecording(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const recording = JSON.parse(await new Response(stream).text());
  const found = new Map();
  for (const [address, value] of Object.entries(recording.entries)) {
    const [path, query = ""] = address.split("?");
    const parameters = new URLSearchParams(query);
    const moment = momentOf(parameters, recording.entries["/api/state"].run.epoch);
    const key = keyOf(path, parameters);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push({ ...moment, value });
  }
  return found;
}

// Take the epoch out of some parameters; the present state, for which none is given, may lie within one.
function momentOf(parameters, now) {
  const present = !parameters.has("epoch");
  const epoch = present ? now : Number(parameters.get("epoch"));
  parameters.delete("epoch");
  return { epoch, present };
}

function keyOf(path, parameters) {
  const sorted = [...parameters]
    .filter(([name]) => name !== "run" && name !== "moment")
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  return `${path}?${sorted.join("&")}`;
}

// What was recorded at the wanted epoch, or at the nearest one.
function lookUp(path, parameters) {
  const wanted = momentOf(parameters, entries.get("/api/state?")[0].epoch);
  const found = entries.get(keyOf(path, parameters));
  if (!found)
    throw new ApiError("This is not recorded in the file; it was kept small. Run clearprop ui to see it.", 404);
  const distance = ({ epoch, present }) => Math.abs(epoch - wanted.epoch) + (present === wanted.present ? 0 : 0.5);
  return found.reduce((best, entry) => (distance(entry) < distance(best) ? entry : best)).value;
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      cache: "no-store",
      headers: { ...options.headers, Authorization: `Bearer ${token}` },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is the program that opened this page still running?", 0);
  }
  if (response.ok) return response;
  let message = `The server answered ${response.status}.`;
  try {
    message = (await response.json()).error ?? message;
  } catch {
    // no JSON, so the status has to do
  }
  throw new ApiError(message, response.status);
}

// Parameters that are null or undefined are left out.
export async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const name of Object.keys(parameters).sort()) {
    if (parameters[name] !== null && parameters[name] !== undefined) query.set(name, parameters[name]);
  }
  if (entries) return lookUp(path, query);
  const text = query.toString();
  return (await ask(text ? `${path}?${text}` : path)).json();
}

// The state, as soon as there is one: a program that is to be watched may not have begun to train.
export async function firstState(onWait) {
  for (;;) {
    try {
      return await get("/api/state");
    } catch (error) {
      if (error.status !== 404 || entries) throw error;
    }
    onWait();
    await new Promise((resolve) => setTimeout(resolve, WAIT));
  }
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

export const download = async (path) => (await ask(path)).blob();

// Hand on events later than `version` for as long as the page lives; a lost connection asks again from the last one.
export async function listen(version, onEvent, onConnection) {
  let after = version;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await ask(`/api/events?after=${after}`, { headers: { Accept: "text/event-stream" } });
      onConnection(true);
      for await (const data of messages(response.body)) {
        attempt = 0;
        after = data.version;
        await onEvent(data);
      }
    } catch (error) {
      onConnection(false, error);
      if (error.status === 401 || error.status === 403) return;
    }
    await new Promise((resolve) => setTimeout(resolve, EVENT_PAUSE[Math.min(attempt, EVENT_PAUSE.length - 1)]));
  }
}

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split(/\r?\n\r?\n/);
    buffer = blocks.pop();
    for (const block of blocks) {
      const lines = block
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trimStart());
      if (lines.length) yield JSON.parse(lines.join("\n"));
    }
  }
}
