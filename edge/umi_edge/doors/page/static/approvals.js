// Approvals: a question from any door, with the exact values, is answered here. A decision is about these values alone.

import { post } from "./api.js";
import { bytes, clock, fill, h, heading, long, plural, say, shortWho, trouble } from "./dom.js";
import { text } from "./ledger.js";

/** What waits, and what became of it in this tab. */
export const questions = {
  waiting: [],
  outcomes: [],
  listeners: new Set(),
  set(list) {
    const known = new Set(this.waiting.map((one) => one.id));
    const gone = this.waiting.filter((one) => !list.some((other) => other.id === one.id));
    const fresh = list.filter((one) => !known.has(one.id));
    this.waiting = list;
    for (const one of gone) if (!this.outcomes.some((outcome) => outcome.id === one.id)) this.close(one, "It was answered elsewhere, or its run ended.");
    for (const one of fresh) { say(`A question waits: ${one.title}`); notify(one); }
    for (const listener of this.listeners) listener();
  },
  /** What waits is not known: umi does not answer. */
  forget() {
    this.waiting = [];
    for (const listener of this.listeners) listener();
  },
  close(question, words, tone = "quiet") {
    this.outcomes = [{ id: question.id, title: question.title, words, tone, at: new Date() }, ...this.outcomes].slice(0, 8);
  },
};

/** Shown to the system, without a value: only who asks. */
function notify(question) {
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  new Notification("umi asks you something", { body: question.kind === "call" ? question.tool : question.kind, tag: question.id });
}

const SETTLES_MS = 700;
const DOORS = { chat: "a chat program", ask: "umi ask" };

export function approvals(main) {
  const list = h("div", { class: "questions" });
  const done = h("div", { class: "outcomes" });
  const notices = "Notification" in window && Notification.permission === "default"
    ? h("button", { type: "button", onclick: async () => { await Notification.requestPermission(); notices.remove(); } }, "Notify me when something asks") : null;
  fill(main, h("div", { class: "head" }, heading("Approvals"), notices), list, done);

  const cards = new Map();
  const answered = new Set();
  function draw() {
    let moved = false;
    for (const [id, card] of cards) if (!questions.waiting.some((one) => one.id === id)) { card.element.remove(); cards.delete(id); moved = true; }
    for (const one of questions.waiting) {
      if (cards.has(one.id) || answered.has(one.id)) continue;
      const card = question(one, (words, tone) => {
        questions.close(one, words, tone);
        answered.add(one.id);
        card.element.remove();
        cards.delete(one.id);
        for (const other of cards.values()) other.hold();
        outcomes();
      });
      cards.set(one.id, card);
      list.append(card.element);
      moved = true;
    }
    if (moved) for (const card of cards.values()) card.hold();
    const empty = list.querySelector(".nothing");
    if (!cards.size && !empty) list.prepend(h("p", { class: "empty nothing" }, "Nothing waits. When something wants your yes, from any program, it is here with the exact values."));
    if (cards.size) empty?.remove();
    outcomes();
  }
  function outcomes() {
    fill(done, questions.outcomes.length ? [h("h2", {}, "Before"), h("ul", { class: "plain" }, questions.outcomes.map((one) =>
      h("li", {}, h("span", { class: "quiet" }, clock(one.at)), " ", long(one.title), " ", h("span", { class: `said-${one.tone}` }, one.words))))] : null);
  }
  questions.listeners.add(draw);
  draw();
  return { leave: () => { questions.listeners.delete(draw); } };
}

/** Whether it wants more than a yes. */
const asks = (one) => one.kind === "question" || one.kind === "reply";

function question(one, closed) {
  const id = `q-${one.id}`;
  const trouble_ = h("div", {});
  const approve = h("button", { type: "submit", class: "primary" }, asks(one) && !one.url ? "Answer" : one.url ? "Open it" : "Approve");
  const decline = h("button", { type: "button", onclick: () => decide(false) }, "Decline");
  const sure = one.in_full ? h("label", { class: "sure" }, h("input", { type: "checkbox", required: true, onchange: () => settle() }),
    one.kind === "call" ? " I have read what somebody else’s text decided, and I want it." : " I have read the address, and I want to open it.") : null;
  let held = null;
  let busy = false;
  const settle = () => { approve.disabled = held !== null || busy || Boolean(sure && !sure.firstChild.checked); decline.disabled = busy; };
  const body = { call, message, question: asked, reply: asked }[one.kind](one);
  const card = h("form", { class: `question question-${one.kind}`, "aria-labelledby": id, onsubmit: (event) => { event.preventDefault(); decide(reply()); } },
    h("h2", { id, tabindex: "-1" }, long(one.title)),
    h("p", { class: "quiet" }, `Asked by ${DOORS[one.door] ?? shortWho(one.door)} at ${clock(new Date(one.since * 1000))}`),
    one.notes.map((note) => h("p", { class: `note note-${note.tone}` }, long(note.words))),
    body, sure, trouble_, h("div", { class: "actions" }, decline, approve));

  function reply() {
    if (!asks(one)) return true;
    if (one.url) return {};
    const given = new FormData(card);
    return Object.fromEntries(one.fields.map((field) => [field.name, field.kind === "choices" ? given.getAll(`field-${field.name}`) : given.get(`field-${field.name}`)]));
  }

  async function decide(wanted) {
    busy = true;
    settle();
    try {
      const said = await post(`/api/approvals/${one.id}`, { digest: one.digest, reply: wanted });
      if (said.mine && said.approved && /^https?:/.test(one.url ?? "")) window.open(one.url, "_blank", "noopener,noreferrer");
      const here = card.contains(document.activeElement) || document.activeElement === document.body;
      const words = !said.approved ? "declined" : asks(one) && !one.url ? "answered" : "approved";
      closed(said.mine ? `You ${words} it.` : `It was ${words} before, ${said.by === "page" ? "on this page in another tab" : `in the ${said.by}`}.`, said.approved ? "good" : "quiet");
      say(said.mine ? `You ${words} it.` : `It was ${words} before.`);
      if (here) document.querySelector(".question h2, h1")?.focus();
    } catch (error) {
      fill(trouble_, trouble(error));
      if (error.status === 404) { closed(error.message); return; }
      busy = false;
      settle();
    }
  }
  /** For a moment no yes: what was clicked at was something else, or stood somewhere else. */
  function hold() {
    clearTimeout(held);
    held = setTimeout(() => { held = null; settle(); }, SETTLES_MS);
    settle();
  }
  return { element: card, hold };
}

const shown = (pieces) => h("span", { class: "value", dir: "auto" }, pieces.map((piece) => h("span", { class: `way-${piece.way}` }, piece.text)));
const doubt = (pieces) => h("p", { class: "doubt" }, h("strong", {}, "Look closely: "), pieces.filter((piece) => piece.way !== "quote").map((piece) => h("span", { class: `way-${piece.way}` }, piece.text)));

function call(one) {
  return h("dl", { class: "values" }, one.rows.map((row) => {
    const value = h("div", {}, shown(row.value));
    if (row.whole) value.append(h("button", { type: "button", class: "more", onclick: (event) => { event.target.remove(); fill(value, shown(row.whole)); } }, "Show all of it"));
    return [h("dt", { class: row.goes ? "goes" : null }, long(row.name), row.goes ? h("span", { class: "unseen" }, " (where it goes)") : null),
      h("dd", { class: row.goes ? "goes" : null }, value,
        h("p", { class: row.by_stranger ? "note-bad" : "quiet" }, long(row.origin)), row.doubts.map(doubt))];
  }));
}

function message(one) {
  return h("div", {},
    h("p", { class: "quiet" }, long(one.peer), `: ${bytes(one.bytes)}, ${one.padding} of them padding. `, h("span", { class: "handle" }, "<type:1>"), " stands for a value that stays."),
    one.entries.map((entry) => h("div", { class: `entry entry-${entry.kind}` }, h("h3", {}, long(entry.title)), text(entry.text))),
    h("details", { class: "old" }, h("summary", {}, `The catalogue: ${plural(one.tools.length, "tool")}`),
      one.tools.map((tool) => h("div", { class: "entry" }, h("h3", {}, long(tool.name)), text(tool.text), h("code", {}, long(tool.schema))))),
    h("p", { class: "quiet" }, "SHA-256 ", h("code", { class: "digest" }, one.sha256)));
}

function asked(one) {
  return h("div", {},
    h("blockquote", { class: "said" }, long(one.message)),
    one.address ? h("p", {}, "Address: ", shown(one.address)) : null, one.doubts.map(doubt),
    one.fields.map((field) => {
      const id = `f-${one.id}-${field.name}`;
      return h("div", { class: "field" }, h("label", { for: id }, long(field.title), field.required ? null : h("span", { class: "quiet" }, " (may be left out)")),
        field.description ? h("p", { class: "quiet" }, long(field.description)) : null, input(field, id));
    }));
}

function input(field, id) {
  const name = `field-${field.name}`;
  const option = (value, words) => h("option", { value, selected: [field.default].flat().includes(value) }, words);
  if (field.kind === "choice" || field.kind === "flag") {
    const choices = field.kind === "flag" ? [["yes", "Yes"], ["no", "No"]] : field.choices.map((one) => [one.value, one.words]);
    return h("select", { id, name, required: field.required }, option("", "–"), choices.map(([value, words]) => option(value, words)));
  }
  if (field.kind === "choices") return h("select", { id, name, multiple: true, required: field.required }, field.choices.map((one) => option(one.value, one.words)));
  return h("input", { id, name, value: field.default, autocomplete: "off", inputmode: { integer: "numeric", number: "decimal" }[field.kind] ?? "text", required: field.required });
}
