export const conversations = { process: "", begin() {}, add() {} };
import { fill, heading } from "./dom.js";
export function live(main) { fill(main, heading("Live")); }
