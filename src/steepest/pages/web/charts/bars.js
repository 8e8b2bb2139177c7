// Lengths beside numbers, in the cells of a table.

import { h } from "../dom.js";

/**
 * Return a bar for a share of the longest one. Below 0 there is none, or with `both` one that goes
 * to the left of the middle.
 * @param {number | null | undefined} share
 * @param {boolean} [both]
 * @returns {HTMLElement}
 */
export function bar(share, both = false) {
  const length = Math.min(1, both ? Math.abs(share ?? 0) : Math.max(0, share ?? 0));
  const below = both && (share ?? 0) < 0;
  const inner = h("span", { class: below ? "bar-length below" : "bar-length" });
  inner.style.width = `${(length * (both ? 50 : 100)).toFixed(1)}%`;
  if (both) inner.style.marginLeft = `${(below ? 50 * (1 - length) : 50).toFixed(1)}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}
