// Live: conversations side by side, each step as it happens, and what each reader saw of it.

import { post } from "./api.js";
import { questions } from "./approvals.js";
import { bytes, clock, count, fill, h, heading, long, say, shortWho, trouble, who } from "./dom.js";
import { outcome } from "./policy.js";

const MOST = 12;

/** What is known of the conversations of the process that is followed. */
export const conversations = {
  process: "",
  known: new Map(),
  listener: null,
  begin(process) { this.process = process; this.known.clear(); this.listener?.(null); },
  add(step) {
    if (!this.known.has(step.conversation)) {
      this.known.set(step.conversation, { id: step.conversation, door: step.door, steps: [] });
      if (this.known.size > MOST) this.known.delete(this.known.keys().next().value);
    }
    const one = this.known.get(step.conversation);
    if (!one) return;
    one.steps.push(step);
    this.listener?.(one, step);
  },
};

const READERS = { planner: "Planner", summarizer: "Summarizer", tool: "Tools", client: "Clients", you: "You" };
const view = { reader: "planner", exact: false };

export function live(main, wanted) {
  const lanes = h("div", { class: "lanes" });
  const drawn = new Map();
  const controls = h("form", { class: "seen-by", onsubmit: (event) => event.preventDefault(), onchange: (event) => {
    if (event.target.name === "reader") view.reader = event.target.value; else view.exact = event.target.checked;
    redraw();
    say(`Shown as ${READERS[view.reader]} saw it${view.exact ? ", exactly" : ", with the values in place"}.`);
  } },
    h("fieldset", {}, h("legend", {}, "As seen by"), Object.entries(READERS).map(([reader, words]) =>
      h("label", { class: `pick who-${reader}` }, h("input", { type: "radio", name: "reader", value: reader, checked: reader === view.reader }), h("span", {}, words)))),
    h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked: view.exact }), h("span", {}, "Exactly as they saw it")));
  fill(main, h("div", { class: "head" }, heading("Live"), controls),
    h("p", { class: "key" }, h("span", {}, h("span", { class: "stayed" }, "a value"), " did not reach this reader: choose it to see why")), lanes);

  function redraw() {
    drawn.clear();
    const all = [...conversations.known.values()].reverse().sort((one, other) => (other.id === wanted) - (one.id === wanted));
    if (!all.length) return fill(lanes, h("p", { class: "empty" }, "No conversation yet. Ask something with ", h("code", {}, "umi ask"), ", or from a chat program: each step is here as it happens."));
    return fill(lanes, all.map((one) => {
      const lane = new Lane(one);
      drawn.set(one.id, lane);
      return lane.element;
    }));
  }
  conversations.listener = (one, step) => {
    const lane = one && drawn.get(one.id);
    if (lane) lane.add(step); else redraw();
  };
  const asks = () => { for (const lane of drawn.values()) lane.ask(); };
  questions.listeners.add(asks);
  redraw();
  return { leave: () => { conversations.listener = null; questions.listeners.delete(asks); } };
}

const DOORS = { chat: "chat program", ask: "umi ask" };

class Lane {
  constructor(conversation) {
    this.title = h("h2", {}, "…");
    this.state = h("span", { class: "state", role: "status" });
    this.list = h("ol", { class: "steps" });
    this.out = 0;
    this.total = h("span", { class: "quiet" });
    this.streamed = null;
    this.element = h("section", { class: "lane", "aria-label": `A conversation by ${DOORS[conversation.door] ?? shortWho(conversation.door)}` },
      h("header", {}, this.title, h("p", {}, h("span", { class: "chip" }, DOORS[conversation.door] ?? shortWho(conversation.door)), this.state, this.total)), this.list);
    this.id = conversation.id;
    this.asks = h("p", { class: "lane-asks", hidden: true }, h("a", { href: "#/approvals" }, "Waits for your answer"));
    this.element.append(this.asks);
    for (const step of conversation.steps) this.add(step);
    this.ask();
  }

  ask() { this.asks.hidden = !questions.waiting.some((one) => one.conversation === this.id); }

  add(step) {
    const what = step.what;
    if (what.kind === "begun") { if (what.words) fill(this.title, long(what.words)); this.state.textContent = "running"; this.state.className = "state is-on"; return; }
    if (what.kind === "instruction" && this.title.textContent === "…") fill(this.title, long(what.seen[0]?.pieces.map((piece) => piece.value).join("") ?? ""));
    if (what.kind === "ended") { this.state.textContent = what.words.split(":")[0]; this.state.className = "state"; }
    if (what.kind === "sent") { this.out += what.size_bytes; this.total.textContent = `${count(this.out)} bytes out`; }
    if (["rationale", "question", "answer"].includes(what.kind)) return this.stream(step);
    if (what.kind === "plan" || what.kind === "retry") { if (this.streamed?.kind === "rationale" || what.kind === "retry") this.streamed?.element.remove(); this.streamed = null; }
    const row = stepRow(step);
    if (!row) return;
    const near = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    this.list.append(row);
    if (near) this.list.scrollTop = this.list.scrollHeight;
  }

  stream(step) {
    const what = step.what;
    if (this.streamed?.kind !== what.kind) {
      const said = h("p", { class: "said" });
      const element = row(step, what.kind === "answer" ? "answers" : what.kind === "question" ? "asks you" : "thinks", said);
      this.streamed = { kind: what.kind, said, element };
      this.list.append(element);
    }
    this.streamed.said.append(...what.seen.flatMap((one) => pieces(one, step)));
    this.list.scrollTop = this.list.scrollHeight;
  }
}

function row(step, does, ...content) {
  const [kind] = step.what.by.split(":");
  const other = step.what.seen.length && !mineOf(step);
  return h("li", { class: `step by-${kind}${other ? " is-other" : ""}` },
    h("div", { class: "step-head" }, h("p", {}, who(step.what.by), " ", h("span", { class: "does" }, does)), h("time", { class: "quiet" }, clock(new Date(step.at * 1000)))), content);
}

function stepRow(step) {
  const what = step.what;
  switch (what.kind) {
    case "clock": return row(step, "tells what day it is", seen(step));
    case "instruction": return row(step, "ask", seen(step));
    case "reply": return row(step, "reply", seen(step));
    case "step": return h("li", { class: "divider" }, `Step ${what.words}`);
    case "sent": return h("li", { class: "sent" }, h("span", { class: `who who-${what.sink}` }, shortWho(what.sink)), ` ↑ ${bytes(what.size_bytes)} left`);
    case "retry": return h("li", { class: "sent bad" }, `The connection failed: try ${what.words}`);
    case "plan": return row(step, what.tool ? ["plans: ", h("strong", {}, long(what.tool))] : what.words === "summarizer" ? "is done: the answer may be written" : `decides: ${what.words}`, seen(step));
    case "call": return row(step, ["writes the call: ", h("strong", {}, long(what.tool))], seen(step));
    case "asked": return row(step, [`${what.words} `, h("strong", {}, long(what.tool))]);
    case "server-question": return row(step, what.words ? `its question was ${what.words}` : "asks you something");
    case "progress": return h("li", { class: "sent" }, who(what.by), " ", long(what.words));
    case "refused": return row(step, ["refuses ", h("strong", {}, long(what.tool))], h("p", { class: "bad" }, long(what.words)));
    case "result": return row(step, view.reader === "tool" ? "is given this, and gives a result" : "gives a result", seen(step));
    case "failure": return row(step, "fails", h("p", { class: "bad" }, long(what.words)), seen(step));
    case "shown": return row(step, "has this shown to you", h("p", { class: "said" }, what.seen.flatMap((one) => one.pieces.map((piece) => inPlace(piece)))));
    case "answering": return null;
    case "ended": return h("li", { class: `divider ended${["answered", "over"].includes(what.words) ? "" : " bad"}` }, long(what.words));
  }
  return null;
}

const read = (one) => one.reader === view.reader || one.reader.startsWith(`${view.reader}:`);
const mineOf = (step) => step.what.seen.find(read) ?? (view.reader === "tool" ? null : step.what.seen.find((one) => one.reader.startsWith("client:") || (view.reader === "you" && one.reader === "planner")));

/** What the chosen reader saw of a step, and what the others did for whoever asks. */
function seen(step) {
  const all = step.what.seen;
  const mine = mineOf(step);
  const others = all.filter((one) => one !== mine);
  return [
    mine ? h("p", { class: "said" }, mine.pieces.length ? pieces(mine, step) : h("span", { class: "quiet" }, "nothing"))
      : h("p", { class: "unseen" }, "Not for this reader."),
    others.length ? h("details", { class: "others" }, h("summary", {}, others.map((one) => who(one.reader)), h("span", { class: "unseen" }, "saw")),
      others.map((one) => h("div", {}, who(one.reader), h("p", { class: "said" }, pieces(one, step))))) : null,
  ];
}

function pieces(one, step) {
  return one.pieces.map((piece) => {
    if (!piece.stayed) return long(piece.shown);
    const words = view.exact ? piece.shown : piece.value;
    return h("button", { type: "button", class: "stayed", title: view.exact ? piece.value.slice(0, 200) : piece.shown,
      "aria-label": `${words}: did not reach the ${shortWho(one.reader)}. Why?`, onclick: () => why(piece, one, step) }, words.length > 200 ? `${words.slice(0, 200)}…` : words || "∅");
  });
}

/** A value that is shown because somebody asked for it, whatever reader is chosen. */
const inPlace = (piece) => piece.stayed ? h("span", { class: "stayed", title: piece.shown }, long(piece.value)) : h("br", {});

/** Why a value stayed; and, where it should not have, the change of the policy, tried already. */
async function why(piece, one, step) {
  const tried = h("div", { class: "tried" });
  const choices = h("div", {});
  const dialog = h("dialog", { "aria-labelledby": "why", onclose: () => dialog.remove() },
    h("h2", { id: "why" }, "This value stayed"),
    h("dl", { class: "facts" },
      h("dt", {}, "Value"), h("dd", {}, long(piece.value)),
      h("dt", {}, `The ${shortWho(one.reader).toLowerCase()} saw`), h("dd", {}, h("code", { class: "handle" }, piece.shown || "nothing")),
      piece.rule ? [h("dt", {}, "By"), h("dd", {}, h("code", {}, long(piece.rule)))] : null),
    choices, tried, h("form", { method: "dialog", class: "actions" }, h("button", {}, "Close")));
  document.body.append(dialog);
  dialog.showModal();
  if (!piece.rule) return;
  try {
    const { suggestions } = await post("/api/policy/suggest", { tool: step.what.tool, rule: piece.rule });
    if (!suggestions.length) { fill(choices, h("p", { class: "quiet" }, "No single line of the policy says so: see the policy’s table.")); return; }
    const attempt = async (changes) => {
      try { fill(tried, outcome(await post("/api/policy/try", { changes }), changes, write)); } catch (error) { fill(tried, trouble(error)); }
    };
    fill(choices, h("fieldset", { class: "words" }, h("legend", {}, "If it should not have stayed"), suggestions.map((each, at) =>
      h("label", {}, h("input", { type: "radio", name: "suggestion", checked: at === 0, onchange: () => attempt(each.changes) }), " ", long(each.words)))));
    await attempt(suggestions[0].changes);
  } catch (error) { fill(choices, trouble(error)); }

  async function write(changes, digest) {
    try {
      await post("/api/policy/write", { changes, digest });
      fill(tried, h("p", { class: "good", role: "status" }, "✓ Written. New conversations follow it."));
    } catch (error) { fill(tried, trouble(error)); }
  }
}
