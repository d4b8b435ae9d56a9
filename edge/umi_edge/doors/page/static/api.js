// What the page asks of umi. The key comes in the address's fragment, which no request carries, and stays in this tab.

const KEPT = "umi-key";

/** Take the key out of the address, and keep it for this tab alone. */
export function takeKey() {
  const given = /^#key=([\w-]+)$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(KEPT, given[1]);
    history.replaceState(null, "", location.pathname + "#/live");
  }
  return sessionStorage.getItem(KEPT) !== null;
}

export function forgetKey() { sessionStorage.removeItem(KEPT); }

export class ApiError extends Error {
  constructor(message, fix, status) { super(message); this.fix = fix; this.status = status; }
}

async function send(path, { method = "GET", body, signal } = {}) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEPT) ?? ""}` };
  let response;
  try {
    response = await fetch(path, { method, body, headers, signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("umi does not answer: has it ended?", "start it again, and open the page with `umi open`", 0);
  }
  if (response.ok) return response;
  let said = {};
  try { said = await response.json(); } catch { /* the status is all there is */ }
  if (response.status === 401) dispatchEvent(new CustomEvent("umi-key"));
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
