// Health: what `umi doctor` says, as it finds it.

import { stream } from "./api.js";
import { fill, h, heading, long, plural, say, trouble } from "./dom.js";

const MARKS = { fine: "✓", warning: "!", broken: "✗" };
const WORDS = { fine: "fine", warning: "to look at", broken: "broken" };

export function health(main) {
  const abort = new AbortController();
  const found = h("dl", { class: "findings" });
  const summary = h("p", { class: "lead", role: "status" });
  const again = h("button", { type: "button", onclick: () => look() }, "Look again");
  fill(main, h("div", { class: "head" }, heading("Health"), again), summary, found);

  async function look() {
    again.disabled = true;
    fill(found);
    const counts = { fine: 0, warning: 0, broken: 0 };
    summary.textContent = "Looking …";
    try {
      for await (const { kind, data } of stream("/api/health", { method: "POST", signal: abort.signal })) {
        if (kind === "looking") summary.textContent = `Looking at ${data.name}${data.words ? `: ${data.words}` : ""} …`;
        if (kind === "found") { counts[data.status] += 1; found.append(...row(data)); }
        if (kind === "done") {
          summary.textContent = counts.broken || counts.warning
            ? `${plural(counts.broken, "thing")} broken, ${counts.warning} to look at.` : "All is well.";
          say(summary.textContent);
        }
      }
    } catch (error) {
      if (error.name !== "AbortError") { summary.textContent = ""; found.append(trouble(error)); }
    }
    again.disabled = false;
  }
  look();
  return { leave: () => abort.abort() };
}

function row(finding) {
  const mark = h("span", { class: `mark mark-${finding.status}`, role: "img", "aria-label": WORDS[finding.status] }, MARKS[finding.status]);
  return [h("dt", {}, mark, finding.name),
    h("dd", {}, finding.message.split("\n").map((one) => h("p", {}, long(one))),
      finding.fix ? h("p", { class: "fix" }, "Fix: ", long(finding.fix)) : null)];
}
