// Groups of rows that the model is worse at.

import { bar } from "../charts/bars.js";
import { lines } from "../charts/lines.js";
import { h, note, table } from "../dom.js";
import { brief, count, counted, number, percent } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function slices(section) {
  const share = section.what === "wrong";
  const show = share ? percent : number;
  const what = share ? "share that is wrong" : "root mean squared error";
  const inTime = periods(section, what);
  if (!section.slices.length) {
    return [
      note(`In no group by one column is it clearly worse than in the others (${section.rows}).`),
      inTime,
    ];
  }
  const truths = section.slices.some((/** @type {any} */ slice) => slice.truth !== null);
  const about = brief(section.positive === null ? section.target : `${section.positive}`);
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
      "z: by how many standard errors the rows of the group cost more than all others. Of " +
        `${counted(section.compared, "group")}, at most one is above ${number(section.least)} by ` +
        "chance, on average. A group can be hard without the model being at fault: compare what it " +
        "says on average with what is true.",
    ),
    inTime,
  ];
}

/**
 * Return figures over rows that follow each other in time, if that is known.
 * @param {any} section
 * @param {string} what
 * @returns {HTMLElement | null}
 */
function periods(section, what) {
  if (!section.periods.length) return null;
  const of = (/** @type {string} */ name) =>
    section.periods.map((/** @type {any} */ period) => period[name]);
  const common = {
    x: "beginning of the period",
    at: section.periods.map((/** @type {any} */ _, /** @type {number} */ k) => k),
    labels: of("from"),
    points: true,
  };
  const about = brief(section.positive === null ? section.target : `${section.positive}`);
  const figures = [
    lines({ ...common, title: `In time: ${what}`, lines: [{ label: what, values: of("score") }] }),
  ];
  if (section.periods[0].said !== null) {
    figures.push(
      lines({
        ...common,
        title: `In time: ${about}, on average`,
        lines: [
          { label: "predicted", values: of("said") },
          { label: "true", values: of("truth"), dashed: true },
        ],
      }),
    );
  }
  return h("div", { class: "figures" }, ...figures);
}
