// The policy: who reads what, which line decides, and a change tried on the last sessions before it is written.

import { get, post } from "./api.js";
import { count, fill, h, heading, long, plural, say, trouble } from "./dom.js";

const READS = { clear: ["reads it", "●"], scanned: ["reads it, without what the detectors find", "◐"], handle: ["sees a handle", "○"], nothing: ["sees nothing", "–"] };
const WORDS = {
  cloud: "Planner and summarizer", scan: "Both, without what the detectors find",
  planner: "The planner alone", "scan-planner": "The planner alone, without what the detectors find",
  summarizer: "The summarizer alone", "scan-summarizer": "The summarizer alone, without what the detectors find",
  handle: "Nobody: they see a handle", hidden: "Nobody: not even a handle",
};
const LEVELS = { exact: "a line for this very place", ancestor: "a line for what it is in", "tool default": "the tool’s default", "policy default": "the policy’s default", "built-in default": "built in: what no line mentions stays" };

export function policy(main) {
  const body = h("div", { class: "tools" });
  const panel = h("section", { class: "detail", "aria-label": "What decides" }, h("p", { class: "empty" }, "Choose a place to see which line decides, and what would change it."));
  const top = h("div", {});
  const find = h("input", { id: "p-find", type: "search", placeholder: "contacts, $.messages, email …", autocomplete: "off", oninput: () => narrow() });
  let whole = null;

  fill(main, h("div", { class: "head" }, heading("Policy"),
    h("div", { class: "actions" }, h("label", { for: "p-find" }, h("span", { class: "unseen" }, "Find a tool or a place"), find))),
    top, h("div", { class: "split split-policy" }, body, panel));

  async function load(keep) {
    try { whole = await get("/api/policy"); } catch (error) { fill(top, trouble(error)); return; }
    fill(top, about(whole, follow));
    const open = new Set([...body.querySelectorAll("details[open]")].map((one) => one.dataset.tool));
    fill(body, whole.tools.map((tool) => card(tool, keep && open.has(tool.tool), explain)));
    narrow();
  }

  function narrow() {
    const words = find.value.trim().toLowerCase();
    for (const one of body.children) {
      let any = one.dataset.tool.toLowerCase().includes(words);
      const whole = any;
      for (const row of one.querySelectorAll("tbody tr")) {
        row.hidden = !whole && !row.dataset.path.toLowerCase().includes(words);
        any ||= !row.hidden;
      }
      one.hidden = !any;
      if (words) one.open = any;
    }
  }

  async function explain(tool, side, path) {
    for (const row of body.querySelectorAll("tr.is-open")) row.classList.remove("is-open");
    const row = [...body.querySelectorAll("tbody tr")].find((one) => one.dataset.tool === tool && one.dataset.side === side && one.dataset.path === path);
    row?.classList.add("is-open");
    try {
      const found = await post("/api/policy/explain", { tool, side, path });
      fill(panel, explanation(found, (locality) => attempt([{ tool, side, path, locality }])));
      panel.querySelector("h2").focus();
    } catch (error) { fill(panel, trouble(error)); }
  }

  async function attempt(changes) {
    const place = panel.querySelector(".tried") ?? panel.appendChild(h("div", { class: "tried" }));
    fill(place, h("p", { class: "quiet" }, "Trying it on your last sessions …"));
    try { fill(place, outcome(await post("/api/policy/try", { changes }), changes, write)); say("Tried: nothing is written yet."); }
    catch (error) { fill(place, trouble(error)); }
  }

  async function write(changes, digest) {
    const place = panel.querySelector(".tried");
    try {
      const { written } = await post("/api/policy/write", { changes, digest });
      fill(place, h("p", { class: "good", role: "status" }, "✓ Written to ", h("code", {}, written), ". New conversations follow it; those that run go on under the old one."));
      await load(true);
    } catch (error) { fill(place, trouble(error)); }
  }

  async function follow() {
    try { await post("/api/policy/follow"); await load(true); say("New conversations follow the file as it is now."); }
    catch (error) { fill(top, trouble(error)); }
  }

  load(false);
  return {};
}

function about(whole, follow) {
  const detectors = Object.entries(whole.detectors.reduce((sum, one) => ({ ...sum, [one.type]: (sum[one.type] ?? 0) + 1 }), {}));
  return [
    h("p", { class: "lead" }, "In force: ", h("strong", {}, long(whole.name)), whole.file ? [" from ", h("code", {}, long(whole.file))] : ", the built-in policy", ". What no line mentions stays."),
    whole.is_stale ? h("div", { class: "careful" }, h("p", {}, "The file was changed since umi read it. The next conversation follows it."), h("button", { type: "button", onclick: follow }, "Follow it now")) : null,
    h("details", { class: "old" }, h("summary", {}, `${plural(whole.detectors.length, "detector")} look through scanned text`),
      h("p", {}, detectors.map(([type, many]) => h("span", { class: "chip" }, many > 1 ? `${type} × ${many}` : type))),
      whole.never.length ? h("p", {}, "Never leaves, whatever a line says: ", whole.never.map((type) => h("span", { class: "chip" }, type))) : null,
      h("p", {}, `Your own words: ${whole.instruction}. The clock: ${whole.clock}. Which name holds another: ${whole.relations}.`)),
    whole.warnings.length ? h("details", { class: "careful" }, h("summary", {}, plural(whole.warnings.length, "warning")),
      h("ul", {}, whole.warnings.map((one) => h("li", {}, `Line ${one.line}: `, long(one.message), " ", h("span", { class: "quiet" }, long(one.fix)))))) : null,
    h("p", { class: "key" }, Object.entries(READS).map(([kind, [words, sign]]) => h("span", {}, h("span", { class: `reads reads-${kind}`, "aria-hidden": "true" }, sign), ` ${words}`))),
  ];
}

function card(tool, open, explain) {
  const { runs, confirm, integrity, card: told } = tool.settings;
  return h("details", { class: "tool", "data-tool": tool.tool, open },
    h("summary", {}, h("span", { class: "tool-name" }, long(tool.tool)),
      h("span", { class: "tool-facts" },
        h("span", { class: `chip ${runs === "device" ? "" : "chip-away"}` }, runs === "device" ? "runs here" : "third party"),
        confirm === "always" ? h("span", { class: "chip" }, "asks each time") : null,
        integrity === "untrusted" ? h("span", { class: "chip" }, "others write it") : null,
        told === "hidden" ? h("span", { class: "chip" }, "planner is not told of it") : null,
        tool.installed ? null : h("span", { class: "chip chip-quiet" }, "not installed"))),
    tool.places.length ? h("table", { class: "readers" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Place"), h("th", { scope: "col" }, "Planner"), h("th", { scope: "col" }, "Summarizer"), h("th", { scope: "col" }, "Type"), h("th", { scope: "col" }, "Line"))),
      h("tbody", {}, tool.places.map((one) => placeRow(tool.tool, one, explain))))
      : h("p", { class: "empty" }, "It declares no places: all of it stays."));
}

function placeRow(tool, one, explain) {
  return h("tr", { "data-tool": tool, "data-side": one.side, "data-path": one.path },
    h("th", { scope: "row" }, h("div", { class: "place" }, h("span", { class: "side" }, one.side === "arguments" ? "given" : "result"),
      h("button", { type: "button", class: "link path", onclick: () => explain(tool, one.side, one.path) }, long(one.path)))),
    ["planner", "summarizer"].map((sink) => h("td", {}, reads(one.readers[sink], sink))),
    h("td", {}, one.type === "value" ? h("span", { class: "quiet" }, "–") : h("span", { class: "chip" }, one.type), one.show ? h("span", { class: "quiet" }, ` shows ${one.show}`) : null),
    h("td", { class: "number quiet" }, one.line ? String(one.line) : "–"));
}

const reads = (kind, sink) => h("span", { class: `reads reads-${kind} by-${sink}`, role: "img", "aria-label": READS[kind][0], title: READS[kind][0] }, READS[kind][1]);

function explanation(found, attempt) {
  const now = found.locality;
  return [
    h("h2", { tabindex: "-1" }, long(found.tool), " ", h("code", { class: "path" }, long(found.path))),
    h("p", { class: "lead" }, "Read by: ", h("strong", {}, WORDS[now] ?? now), "."),
    h("h3", {}, "Which line decides"),
    h("ol", { class: "chain" }, found.chain.map((step) => h("li", { class: step.decides ? "decides" : null },
      h("span", { class: "says" }, h("code", {}, step.says), step.decides ? h("span", { class: "chip" }, "decides") : null),
      h("span", { class: "quiet" }, LEVELS[step.level] ?? step.level),
      step.line ? h("code", { class: "source" }, h("span", { class: "quiet" }, `${step.line} `), long(step.text)) : null))),
    found.detectors_note ?? null,
    h("h3", {}, "Who should read it?"),
    found.fixed ? h("p", { class: "careful" }, long(found.fixed)) : null,
    h("form", { class: "words", onsubmit: (event) => { event.preventDefault(); attempt(new FormData(event.target).get("locality")); } },
      h("fieldset", {}, h("legend", { class: "unseen" }, "Who should read it"),
        found.words.map((word) => h("label", {}, h("input", { type: "radio", name: "locality", value: word, checked: word === now, "data-word": word }), ` ${WORDS[word] ?? word}`, word === now ? h("span", { class: "quiet" }, " (as now)") : null))),
      h("button", { type: "submit", class: "primary" }, "Try it")),
  ];
}

/** What a change would come to, and the button that writes it. */
export function outcome(tried, changes, write) {
  const sessions = tried.sessions;
  return [
    h("h3", { tabindex: "-1" }, "What would change"),
    tried.lines.length ? h("pre", { class: "diff", tabindex: "0", "aria-label": "The lines of the file that change" }, tried.lines.map((one) =>
      h("span", { class: `diff-${one.kind}` }, h("span", { class: "unseen" }, { gone: "removed: ", new: "added: ", same: "" }[one.kind]), `${{ gone: "−", new: "+", same: " " }[one.kind]} ${one.text}\n`)))
      : h("p", {}, "Nothing: the file says so already."),
    tried.places.length ? h("ul", { class: "moved" }, tried.places.slice(0, 30).map((one) => h("li", {}, h("code", {}, long(`${one.tool} ${one.path}`)), ": ", h("span", { class: "quiet" }, one.was || "–"), " → ", h("strong", {}, one.now)))) : null,
    h("h3", {}, "On your last sessions"),
    !sessions ? h("p", {}, "None are recorded. Set ", h("code", {}, "record:"), " in the configuration, and umi keeps what a replay needs, without any value.")
      : sessions.problem ? h("p", { class: "careful" }, long(sessions.problem))
      : replayed(sessions),
    tried.fixed ? h("p", { class: "careful" }, long(tried.fixed))
      : tried.lines.length ? h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => write(changes, tried.digest) }, "Write it")) : null,
  ];
}

function replayed(one) {
  const rows = (title, kind, changes) => changes.length ? [h("p", { class: kind }, title), h("ul", {}, changes.slice(0, 30).map((each) =>
    h("li", {}, h("code", {}, long(`${each.tool} ${each.path}`)), ` to the ${each.sink}: ${plural(each.fields, "field")}`, each.certain < each.fields ? `, ${count(each.fields - each.certain)} of them maybe` : "")))] : null;
  return h("div", { class: "replayed" },
    h("p", {}, `${plural(one.count, "session")}, ${plural(one.calls, "call")} played again.`),
    rows("Would have left:", "exposed", one.exposed), rows("Would have stayed:", "kept", one.hidden),
    one.verdicts.length ? h("ul", {}, one.verdicts.map((each) => h("li", {}, h("code", {}, long(each.tool)), `: ${plural(each.calls, "call")} ${each.would_be} in place of ${each.was}`))) : null,
    !one.exposed.length && !one.hidden.length && !one.verdicts.length ? h("p", {}, "Nothing would have been otherwise.") : null);
}
