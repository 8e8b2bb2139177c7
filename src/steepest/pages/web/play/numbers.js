// Arrays as tables: rows and columns of numbers, shaded by size and sign; large ones are cut.

import { h } from "../dom.js";
import { number } from "../format.js";

const ROWS = 6;
const COLUMNS = 8;

/**
 * Return a matrix as a table.
 * @param {string} name
 * @param {ArrayLike<number>} values  row after row
 * @param {number} rows
 * @param {number} columns
 * @param {number[]} [shape]  of a row, if it has several axes
 * @returns {HTMLElement}
 */
export function matrix(name, values, rows, columns, shape = [columns]) {
  const [shownRows, shownColumns] = [Math.min(ROWS, rows), Math.min(COLUMNS, columns)];
  let most = 1e-300;
  for (let k = 0; k < rows * columns; k++) most = Math.max(most, Math.abs(values[k]) || 0);
  const body = Array.from({ length: shownRows }, (_, i) =>
    h(
      "tr",
      {},
      ...Array.from({ length: shownColumns }, (_, j) => {
        const value = values[i * columns + j];
        const cell = h("td", { class: value < 0 ? "below" : "above" }, number(value));
        cell.style.setProperty("--strength", String(Math.abs(value) / most));
        return cell;
      }),
      columns > shownColumns ? h("td", { class: "more" }, "…") : null,
    ),
  );
  if (rows > shownRows) {
    body.push(h("tr", {}, h("td", { class: "more", colspan: shownColumns + 1 }, "⋮")));
  }
  const size = [rows, ...shape].join(" × ");
  return h(
    "figure",
    { class: "array" },
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": `${name}, ${size}` },
      h(
        "table",
        { class: "matrix" },
        h("caption", {}, h("b", {}, name), ` ${size}`),
        h("tbody", {}, ...body),
      ),
    ),
  );
}
