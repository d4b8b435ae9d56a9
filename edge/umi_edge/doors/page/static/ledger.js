// The ledger: every message that left this device, and what stood in it in place of what stayed.

import { file, get, post, postFile } from "./api.js";
import { bytes, clock, count, day, fill, h, heading, long, plural, say, trouble, who } from "./dom.js";

const FIELDS = ["day", "session", "sink", "tool", "type"];

export function ledger(main, rest) {
  const wanted = { day: "", session: "", sink: "", tool: "", type: "" };
  const list = h("tbody");
  const detail = h("section", { class: "detail", "aria-label": "One message" }, h("p", { class: "empty" }, "Choose a message to see exactly what left."));
  const summary = h("p", { class: "lead", role: "status" });
  const result = h("div", { role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => search(Number(list.lastElementChild?.dataset.number)) }, "Earlier messages");
  const days = h("datalist", { id: "days" });
  const sinks = h("select", { id: "f-sink", name: "sink" }, h("option", { value: "" }, "anywhere"));
  const picked = h("input", { type: "file", id: "capture", class: "unseen", tabindex: "-1", "aria-label": "A capture of what left", onchange: () => reconcile() });
  const form = h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    label("Day", h("input", { id: "f-day", name: "day", list: "days", placeholder: "any", size: 10, autocomplete: "off" })), days,
    label("Session", h("input", { id: "f-session", name: "session", placeholder: "any", size: 16, autocomplete: "off" })),
    label("Went to", sinks),
    label("Names the tool", h("input", { id: "f-tool", name: "tool", placeholder: "any", size: 14, autocomplete: "off" })),
    label("A handle of type", h("input", { id: "f-type", name: "type", placeholder: "any", size: 10, autocomplete: "off" })),
    h("button", { type: "submit", class: "primary" }, "Search"));

  fill(main,
    h("div", { class: "head" }, heading("Ledger"),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: verify }, "Verify"),
        h("button", { type: "button", onclick: () => picked.click() }, "Reconcile …"), picked,
        h("button", { type: "button", onclick: download }, "Export"))),
    summary, result, form,
    h("div", { class: "split" },
      h("div", { class: "scroll" },
        h("table", { class: "rows" },
          h("caption", { class: "unseen" }, "Messages that left, the newest first"),
          h("thead", {}, h("tr", {}, ["", "When", "To", "Size", "Clear", "Session"].map((one) => h("th", { scope: "col" }, one)))),
          list), more),
      detail));

  async function search(before) {
    for (const name of FIELDS) wanted[name] = form.elements[name].value.trim();
    try {
      const found = await post("/api/ledger/search", { ...wanted, before });
      if (before === undefined) fill(list);
      list.append(...found.rows.map(row));
      more.hidden = !found.more;
      if (sinks.options.length === 1) sinks.append(...found.sinks.map((one) => h("option", { value: one }, `the ${one}`)));
      fill(days, found.days.map((one) => h("option", { value: one })));
      summary.textContent = found.messages
        ? `${plural(found.messages, "message")} left this device, ${bytes(found.bytes)}. Each is here as it was sent, signed and chained.`
        : "Nothing has left yet.";
      if (!list.children.length && found.messages) list.append(h("tr", {}, h("td", { colspan: 6, class: "empty" }, "No message is like that.")));
      if (before === undefined && Object.values(wanted).some(Boolean)) say(plural(list.children.length, "message"));
    } catch (error) { fill(result, trouble(error)); }
  }

  function row(one) {
    const at = new Date(one.time);
    const open = h("button", { type: "button", class: "link", "aria-label": `Message ${one.number}, to the ${one.sink}`, onclick: () => { location.hash = `#/ledger/${one.number}`; } }, `№ ${one.number}`);
    return h("tr", { "data-number": one.number, class: String(one.number) === rest ? "is-open" : null },
      h("td", {}, open),
      h("td", { class: "time" }, h("span", {}, clock(at)), " ", h("span", { class: "quiet" }, day(at))),
      h("td", {}, who(one.sink)),
      h("td", { class: "number" }, count(one.bytes)),
      h("td", { class: "number" }, count(one.clear_bytes)),
      h("td", {}, h("code", {}, one.session.slice(0, 8))));
  }

  async function verify() {
    fill(result, h("p", { class: "quiet" }, "Reading the ledger …"));
    try {
      const found = await post("/api/ledger/verify");
      fill(result, found.sound
        ? h("div", { class: "good" }, h("p", {}, `✓ Whole, unchanged and signed: ${plural(found.entries, "message")}, ${bytes(found.sent_bytes)}, ${plural(found.checkpoints, "signature")}.`),
          found.remarks.map((one) => h("p", {}, one)))
        : h("div", { class: "trouble", role: "alert" }, h("p", {}, "✗ It does not hold: ", long(found.problem))));
    } catch (error) { fill(result, trouble(error)); }
  }

  async function reconcile() {
    const [chosen] = picked.files;
    if (!chosen) return;
    fill(result, h("p", { class: "quiet" }, "Comparing …"));
    try {
      const found = await postFile("/api/ledger/reconcile", chosen);
      fill(result, h("div", { class: found.complete ? "good" : "trouble" },
        h("p", {}, `${found.complete ? "✓" : "✗"} ${plural(found.matched, "message")}, ${bytes(found.matched_bytes)}: captured and in the ledger.`),
        found.frames.map((one) => h("p", {}, `✗ Line ${one.number} of the capture has no entry: ${long(one.method || "a message").textContent}, ${bytes(one.size_bytes)}.`)),
        found.entries.slice(0, 50).map((one) => h("p", {}, `✗ Message № ${one.number} was not captured.`))));
    } catch (error) { fill(result, trouble(error)); }
    picked.value = "";
  }

  async function download() {
    try {
      const address = URL.createObjectURL(await file("/api/ledger/export"));
      const link = h("a", { href: address, download: "ledger.jsonl" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
      say("The ledger is exported.");
    } catch (error) { fill(result, trouble(error)); }
  }

  async function open(number) {
    try { fill(detail, message(await get(`/api/ledger/messages/${number}`))); }
    catch (error) { fill(detail, trouble(error)); }
  }

  search();
  if (/^\d+$/.test(rest)) open(rest);
}

function label(words, input) {
  return h("label", { for: input.id }, h("span", {}, words), input);
}

function message(one) {
  const at = new Date(one.time);
  const old = one.entries.filter((entry) => !entry.is_new);
  const stayed = Object.entries(one.stayed);
  return [
    h("h2", { tabindex: "-1" }, `Message № ${one.number}`),
    h("p", { class: "lead" }, who(one.sink), " ", one.peer ? h("span", { class: "quiet" }, long(one.peer)) : null),
    h("dl", { class: "facts" },
      fact("Sent", `${day(at)} ${clock(at)}`), fact("Size", bytes(one.bytes)),
      fact("Clear text", bytes(one.clear_bytes)), fact("Session", h("code", {}, one.session)),
      fact("SHA-256", h("code", { class: "digest" }, one.sha256))),
    h("p", { class: "key" }, h("span", { class: "handle" }, "<type:1>"), " stands for a value that stayed on this device; all else left as it stands."),
    stayed.length ? h("p", {}, "Stayed: ", stayed.map(([type, many]) => h("span", { class: "chip" }, `${many} × ${type}`))) : null,
    old.length ? h("details", { class: "old" }, h("summary", {}, `Said before, in message № ${one.earlier}: ${plural(old.length, "entry").replace("entrys", "entries")}`), old.map(entry)) : null,
    one.entries.filter((each) => each.is_new).map(entry),
    h("details", { class: "old" }, h("summary", {}, `The catalogue: ${plural(one.tools.length, "tool")}`),
      one.tools.map((tool) => h("div", { class: "entry" }, h("h3", {}, long(tool.name)), text(tool.text)))),
  ];
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

function entry(one) {
  return h("div", { class: `entry entry-${one.kind}` }, h("h3", {}, long(one.title)), text(one.text),
    one.released.length ? h("details", { class: "released" }, h("summary", {}, `${bytes(one.released.reduce((sum, each) => sum + each.bytes, 0))} of clear text`),
      h("ul", {}, one.released.map((each) => h("li", {}, `${count(each.bytes)} by `, h("code", {}, long(each.rule)))))) : null);
}

/** Text as it left: what was replaced is marked, for the eye and for the ear. */
export function text(parts) {
  return h("p", { class: "said" }, parts.map((part) => "handle" in part
    ? h("span", { class: "handle", title: "a value that stayed" }, part.handle) : long(part.clear)));
}
