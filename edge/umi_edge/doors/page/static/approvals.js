export const questions = { waiting: [], set(list) { this.waiting = list; } };
import { fill, heading } from "./dom.js";
export function approvals(main) { fill(main, heading("Approvals")); }
