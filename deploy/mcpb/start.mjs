// Starts `umi mcp serve` of the umi that is installed here. Desktop programs have a short PATH, so it is looked for.

import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const windows = process.platform === "win32";
const name = windows ? "umi.exe" : "umi";
/** What the host says; one that leaves a setting out may hand on the bare `${…}`. */
const said = (setting) => (/^\$\{.*\}$/.test(setting ?? "") ? "" : setting ?? "");

function runs(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const folders = [
  ...(process.env.PATH ?? "").split(delimiter).filter(Boolean),
  join(homedir(), ".local", "bin"),
  ...(windows ? [] : ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"]),
];
const chosen = said(process.env.UMI_PROGRAM);
const program = (chosen ? [chosen] : folders.map((folder) => join(folder, name))).find(runs);
if (program === undefined) {
  console.error(chosen ? `umi is not at ${chosen}.` : "umi is not installed where it was looked for.");
  console.error("Install umi, or say in the settings of this extension where it is.");
  process.exit(127);
}
const umi = spawn(program, ["mcp", "serve", "--client", said(process.env.UMI_CLIENT) || "claude"], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => umi.kill(signal));
umi.on("error", (error) => {
  console.error(`umi does not start: ${error.code}`);
  process.exit(126);
});
umi.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
