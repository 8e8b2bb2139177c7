// The mean prediction, and that of single rows, over the values of one column.

import { lines } from "../charts/lines.js";
import { h, note } from "../dom.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function effects(section) {
  return [
    note(
      `Each figure puts other values of one column into ${section.rows} and keeps all else. Thick: ` +
        "the average over the rows; thin: single rows. Such rows need not exist, and what moves " +
        "together with the column is held still.",
    ),
    h(
      "div",
      { class: "figures" },
      ...section.effects.map((/** @type {any} */ effect) =>
        lines({
          title: effect.name,
          x: effect.name,
          y: section.what,
          at:
            effect.at ?? effect.labels.map((/** @type {string} */ _, /** @type {number} */ k) => k),
          labels: effect.at ? undefined : effect.labels,
          points: effect.at === null,
          lines: [
            ...effect.single.map((/** @type {number[]} */ values, /** @type {number} */ k) => ({
              label: `row ${k + 1}`,
              values,
              faint: true,
            })),
            ...Object.entries(effect.mean).map(([label, values]) => ({
              label,
              values,
            })),
          ],
        }),
      ),
    ),
  ];
}
