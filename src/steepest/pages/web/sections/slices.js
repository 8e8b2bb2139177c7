// Groups of rows that the model is worse at.

import { bar } from "../charts/bars.js";
import { note, table } from "../dom.js";
import { count, number, percent } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function slices(section) {
  const share = section.what === "wrong";
  const show = share ? percent : number;
  const what = share ? "share that is wrong" : "root mean squared error";
  if (!section.slices.length) {
    return [
      note(`In no group by one column is it clearly worse than in the others (${section.rows}).`),
    ];
  }
  const truths = section.slices.some((/** @type {any} */ slice) => slice.truth !== null);
  const about = section.positive === null ? section.target : `${section.positive}`;
  const worst = Math.max(...section.slices.map((/** @type {any} */ slice) => slice.score));
  const head = [{ left: "column" }, { left: "value" }, "rows", what, { left: "" }, "z"];
  if (truths) head.push("mean said", "mean true");
  const rows = section.slices.map((/** @type {any} */ slice) => {
    const shown = section.positive === null ? number : percent;
    const row = [
      slice.column,
      slice.value,
      count(slice.count),
      show(slice.score),
      bar(slice.score / worst),
      number(slice.z),
    ];
    if (truths) row.push(shown(slice.said), shown(slice.truth));
    return row;
  });
  return [
    table(
      head,
      rows,
      `Groups of ${section.rows}; ${what} over all of them: ${show(section.score)}` +
        (truths ? `. The last columns are about ${about}` : ""),
    ),
    note(
      "z: by how many standard errors the rows of the group cost more than all others. Of many " +
        "groups some are above 2 by chance. A group can be hard without the model being at fault: " +
        "compare what it says on average with what is true.",
    ),
  ];
}
