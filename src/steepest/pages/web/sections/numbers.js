// Predicted beside true values, residuals, and whether intervals hold what they promise.

import { lines } from "../charts/lines.js";
import { histogram, points } from "../charts/points.js";
import { h, note, table } from "../dom.js";
import { brief, counted, number, percent } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function numbers(section) {
  const bands = section.bands;
  return [
    h(
      "p",
      {},
      `Half of the predictions are off by at most ${number(section.off[0])}, nine of ten by at ` +
        `most ${number(section.off[1])}.`,
    ),
    note(
      `On ${section.rows}. A residual is the true value less the predicted one; the outermost bars ` +
        "hold all that lies beyond.",
    ),
    h(
      "div",
      { class: "figures" },
      points({
        title: `True over predicted ${brief(section.target)}, ${counted(section.truth.length, "row")}`,
        x: "predicted",
        y: "true",
        at: section.predicted,
        values: section.truth,
      }),
      histogram({
        title: `Residuals; their average is ${number(section.bias)}`,
        x: "true − predicted",
        y: "rows",
        ...section.residuals,
      }),
      lines({
        title: "Residuals over the prediction: middle and quartiles",
        x: "predicted",
        y: "true − predicted",
        at: bands.map((/** @type {any} */ band) => band.at),
        lines: [
          {
            label: "upper quartile",
            values: bands.map((/** @type {any} */ b) => b.high),
            dashed: true,
          },
          {
            label: "middle",
            values: bands.map((/** @type {any} */ b) => b.middle),
          },
          {
            label: "lower quartile",
            values: bands.map((/** @type {any} */ b) => b.low),
            dashed: true,
          },
        ],
        points: true,
      }),
    ),
    section.inside
      ? h(
          "p",
          {},
          `The interval between the outer quantiles promises ${percent(section.inside.promised)} ` +
            `of the rows, and holds ${percent(section.inside.came)}.`,
        )
      : null,
    section.coverage
      ? table(
          ["quantile", "rows at or below it"],
          section.coverage.map((/** @type {any} */ one) => [
            percent(one.level),
            percent(one.below),
          ]),
          "Coverage of each quantile",
        )
      : null,
  ];
}
