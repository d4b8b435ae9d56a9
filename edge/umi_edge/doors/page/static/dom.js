// Elements, made of text and never of markup: what anybody else wrote can't become a part of the page.

/** An element. `props`: attributes by name, `class`, and listeners as `onclick`; children are texts or elements. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

/** Put something in the place of all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

/** Tell a screen reader. */
export function say(words) {
  document.getElementById("said").textContent = words;
}

const FOLD = 600;

/** Text of any length: a long one as its beginning, and the rest for whoever asks. */
export function long(text, props = {}) {
  if (text.length <= FOLD) return h("span", { dir: "auto", ...props }, text);
  const rest = h("span", { hidden: true }, text.slice(FOLD));
  const more = h("button", { type: "button", class: "more" }, `… ${count(text.length - FOLD)} more characters`);
  more.addEventListener("click", () => { rest.hidden = false; more.remove(); });
  return h("span", { dir: "auto", ...props }, text.slice(0, FOLD), rest, more);
}

const NUMBER = new Intl.NumberFormat("en");
export const count = (number) => NUMBER.format(number);
export const bytes = (number) => `${count(number)} byte${number === 1 ? "" : "s"}`;
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

const pad = (number) => String(number).padStart(2, "0");
export const clock = (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
export const day = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

/** A small word in a colour that says who. */
export function who(name) {
  const [kind] = name.split(":");
  const known = ["you", "planner", "summarizer", "tool", "client", "caller"].includes(kind) ? kind : "umi";
  return h("span", { class: `who who-${known}` }, long(shortWho(name)));
}

const WHO = { you: "You", planner: "Planner", summarizer: "Summarizer", caller: "Caller", umi: "umi" };
/** A program chooses its name itself, so it is shown as one: `ask` is no "umi ask", and `planner` no planner. */
export const shortWho = (name) => WHO[name] ?? name.replace(/^tool:/, "").replace(/^client:/, "client: ");

/** What went wrong, for the eyes and for a screen reader. */
export function trouble(error) {
  return h("div", { class: "trouble", role: "alert" },
    h("p", {}, long(error.message)), error.fix ? h("p", { class: "quiet" }, "Fix: ", long(error.fix)) : null);
}

export const heading = (words) => h("h1", { tabindex: "-1" }, words);
