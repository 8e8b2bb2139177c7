// The columns: how much the score depends on each, and what it became.

import { bar } from "../charts/bars.js";
import { h, note, table } from "../dom.js";
import { counted, number, percent } from "../format.js";

const SHOWN = 20;
const FEW = 5; // are shown all the same

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function columns(section) {
  const measured = section.rows !== undefined;
  const slopes = section.columns.some((/** @type {any} */ column) => column.slope !== undefined);
  const head = measured
    ? [
        { left: "column" },
        "shuffled",
        "±",
        { left: "" },
        ...(slopes ? ["by gradient"] : []),
        { left: "becomes" },
      ]
    : [{ left: "column" }, { left: "becomes" }];
  const most = Math.max(
    1e-300,
    ...section.columns.map((/** @type {any} */ column) => column.rise ?? 0),
  );
  const rows = section.columns.map((/** @type {any} */ column) =>
    measured
      ? [
          column.name,
          number(column.rise),
          number(column.spread),
          bar(column.rise / most),
          ...(slopes ? [column.slope === undefined ? "" : percent(column.slope)] : []),
          column.becomes,
        ]
      : [column.name, column.becomes],
  );
  const caption = measured
    ? `Importance on ${section.rows} rows, where ${section.metric} is ${number(section.score)}`
    : "What each column turns into";
  const more = rows.length - SHOWN;
  return [
    table(head, more > FEW ? rows.slice(0, SHOWN) : rows, caption),
    more > FEW
      ? h(
          "details",
          {},
          h("summary", {}, `${counted(more, "more column")}, which matter less`),
          table(head, rows.slice(SHOWN), "The other columns"),
        )
      : null,
    measured
      ? note(
          `Shuffled: how much worse ${section.metric} gets when the values of the column go to ` +
            "other rows. Columns that say the same share their importance." +
            (slopes
              ? " By gradient: the column's share of what the loss of a row would change, to first " +
                "order, with every column at its average."
              : ""),
        )
      : null,
    section.dropped.length
      ? h(
          "div",
          {},
          h("h3", {}, "Not used"),
          table(
            [{ left: "column" }, { left: "why" }],
            section.dropped.map((/** @type {any} */ column) => [column.name, column.why]),
            "Columns that are not used",
          ),
        )
      : null,
  ];
}
