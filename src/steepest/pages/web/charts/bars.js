// Lengths beside numbers, in the cells of a table.

import { h } from "../dom.js";

/**
 * Return a bar for a share of the longest one; below 0 there is none.
 * @param {number | null | undefined} share
 * @returns {HTMLElement}
 */
export function bar(share) {
  const inner = h("span", { class: "bar-length" });
  inner.style.width = `${(100 * Math.max(0, Math.min(1, share ?? 0))).toFixed(1)}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}
