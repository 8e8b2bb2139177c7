// The rows of the longest gradients.

import { note, table } from "../dom.js";
import { count, number, percent } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function hardest(section) {
  const sure = section.hardest.some((/** @type {any} */ row) => row.sure !== null);
  const head = [
    "row",
    { left: section.target },
    { left: "predicted" },
    ...(sure ? ["sure"] : []),
    "loss",
    "‖∇θ ℓ‖",
  ];
  const rows = section.hardest.map((/** @type {any} */ row) => [
    count(row.row),
    row.truth,
    row.said,
    ...(sure ? [percent(row.sure)] : []),
    number(row.loss),
    number(row.norm),
    ...row.values,
  ]);
  return [
    table(
      [
        ...head,
        ...section.columns.map((/** @type {string} */ name) => ({
          left: name,
        })),
      ],
      rows,
      `Of ${section.rows}, those that pull hardest at the parameters`,
    ),
    note(
      "A wrong label, an outlier and a rare case all look like this. Rows are counted from 0, " +
        `${section.of_table ? "as they stand in the table" : "among these rows"}. The columns are ` +
        "those that matter most.",
    ),
  ];
}
