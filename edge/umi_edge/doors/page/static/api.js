// What the page asks of umi. The address's fragment, which no request carries, has a code that works once; the key that it
// is exchanged for stays in this tab, and goes only to a server that has proved to have it.

const KEPT = "umi-key";
const PLAIN = { cache: "no-store", credentials: "omit" };

/** Exchange the code in the address, if there is one; whether this tab has a key. */
export async function takeKey() {
  const given = /^#code=([\w-]+)(?:&at=([\w/-]+))?$/.exec(location.hash);
  if (given) {
    history.replaceState(null, "", `${location.pathname}#/${given[2] ?? "live"}`);
    try {
      const reply = await fetch("/api/key", { ...PLAIN, method: "POST", body: JSON.stringify({ code: given[1] }) });
      if (reply.ok) sessionStorage.setItem(KEPT, (await reply.json()).key);
    } catch { /* umi has ended: there is no key */ }
  }
  return sessionStorage.getItem(KEPT) !== null;
}

/** Whether what answers here has the key, too: it may be another program that took the port of a umi that ended. */
async function proved(key, signal) {
  const words = new TextEncoder();
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const nonce = hex(crypto.getRandomValues(new Uint8Array(32)));
  const reply = await fetch(`/api/proof?nonce=${nonce}`, { ...PLAIN, signal });
  const said = Uint8Array.from(reply.headers.get("umi-proof")?.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  const secret = await crypto.subtle.importKey("raw", words.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  return crypto.subtle.verify("HMAC", secret, said, words.encode(`umi-proof:${nonce}`));
}

export function forgetKey() { sessionStorage.removeItem(KEPT); }

export class ApiError extends Error {
  constructor(message, fix, status) { super(message); this.fix = fix; this.status = status; }
}

function lost() {
  dispatchEvent(new CustomEvent("umi-key"));
  return new ApiError("what answers here is not the umi that opened this page", "open it again with `umi open`", 401);
}

async function send(path, { method = "GET", body, signal } = {}) {
  const key = sessionStorage.getItem(KEPT) ?? "";
  let response;
  try {
    if (!key || !await proved(key, signal)) throw lost();
    response = await fetch(path, { ...PLAIN, method, body, headers: { authorization: `Bearer ${key}` }, signal });
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError) throw error;
    throw new ApiError("umi does not answer: has it ended?", "start it again, and open the page with `umi open`", 0);
  }
  if (response.ok) return response;
  let said = {};
  try { said = await response.json(); } catch { /* the status is all there is */ }
  if (response.status === 401) throw lost();
  throw new ApiError(said.error ?? `umi answered with ${response.status}`, said.fix ?? "", response.status);
}

export const get = async (path) => (await send(path)).json();
export const post = async (path, document = {}) =>
  (await send(path, { method: "POST", body: JSON.stringify(document) })).json();
export const postFile = async (path, file) => (await send(path, { method: "POST", body: file })).json();
export const file = async (path) => (await send(path)).blob();

/** The events of a stream, one after the other: `{kind, data}`. */
export async function* stream(path, { method = "GET", signal } = {}) {
  const response = await send(path, { method, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (waiting + value).split("\n\n");
    waiting = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n");
      const of = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (of("data") !== undefined) yield { kind: of("event"), data: JSON.parse(of("data")) };
    }
  }
}
