// The page's frame: the views, which one is shown, and what umi says as it happens.

import { forgetKey, stream, takeKey } from "./api.js";
import { approvals, questions } from "./approvals.js";
import { fill, h, heading, say } from "./dom.js";
import { health } from "./health.js";
import { ledger } from "./ledger.js";
import { conversations, live } from "./live.js";
import { policy } from "./policy.js";

const VIEWS = { live: ["Live", live], approvals: ["Approvals", approvals], ledger: ["Ledger", ledger],
  policy: ["Policy", policy], health: ["Health", health] };
const main = document.getElementById("main");
const line = document.getElementById("line");
let shown = null;

const links = Object.fromEntries(Object.entries(VIEWS).map(([name, [words]]) => [name, h("a", { href: `#/${name}` }, words)]));
const count = h("span", { class: "count" });

/** What the frame says. The links stay the same elements: who stands on one with the keyboard keeps their place. */
function frame() {
  const waiting = questions.waiting.length;
  const current = route().name;
  for (const [name, link] of Object.entries(links)) {
    if (name === current) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  count.textContent = waiting;
  count.setAttribute("aria-label", `${waiting} waiting`);
  if (waiting) links.approvals.append(count); else count.remove();
  document.title = `${waiting ? `(${waiting}) ` : ""}${VIEWS[current][0]} · umi`;
  const asks = document.getElementById("asks");
  asks.hidden = !waiting || current === "approvals";
  asks.textContent = waiting === 1 ? "A question waits for your answer" : `${waiting} questions wait for your answer`;
}

function route() {
  const [, name = "", rest = ""] = /^#\/(\w+)\/?(.*)$/.exec(location.hash) ?? [];
  return name in VIEWS ? { name, rest } : { name: "live", rest: "" };
}

function show(focus) {
  const { name, rest } = route();
  shown?.leave?.();
  frame();
  main.className = `view-${name}`;
  shown = VIEWS[name][1](main, rest) ?? null;
  if (focus) main.querySelector("h1")?.focus();
}

function locked() {
  shown?.leave?.();
  shown = null;
  fill(main, heading("This page needs umi’s key"),
    h("p", {}, "If a program led you here, umi shows its page in a tab of its own. Else open it with ", h("code", {}, "umi open"), ", which gives the key to that tab. It is another each time umi starts, and is gone when you close the tab."));
  line.textContent = "";
}

async function follow() {
  let after = 0;
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      for await (const { kind, data } of stream(`/api/stream?after=${after}`)) {
        wait = 500;
        line.textContent = "Connected";
        line.className = "line is-on";
        if (kind === "begun" && data.process !== conversations.process) { after = 0; conversations.begin(data.process); }
        if (kind === "step") { after = data.number; conversations.add(data); }
        if (kind === "waiting") { questions.set(data); frame(); }
      }
    } catch (error) {
      if (error.status === 401) return;
    }
    line.textContent = "Not connected: trying again";
    line.className = "line is-off";
    questions.forget();
    frame();
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#code=")) { takeKey().then(() => location.reload()); return; }
  if (location.hash.startsWith("#/")) show(true);
});
addEventListener("umi-key", () => { forgetKey(); locked(); say("The key is not umi’s any more."); });

if (await takeKey()) {
  fill(document.getElementById("views"), Object.values(links).map((link) => h("li", {}, link)));
  show(false);
  follow();
} else locked();
