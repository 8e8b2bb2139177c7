// Confusions, the scores of each class, curves, calibration, and a threshold to try.

import { lines } from "../charts/lines.js";
import { h, note, table } from "../dom.js";
import { brief, count, counted, number, percent } from "../format.js";

const MANY = 8; // of more classes, a table of confusions is hard to read
const SHOWN = 20; // classes

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function classes(section) {
  return [
    note(`On ${section.rows}.`),
    section.scores.length > MANY && section.taken.length ? taken(section) : null,
    confusions(section),
    ...scores(section),
    note(
      "Precision: of the rows predicted to be of the class, the share that is. Recall: of the " +
        "rows of the class, the share that was found. F1: their harmonic mean.",
    ),
    section.thresholds ? threshold(section) : null,
    section.curves?.length ? curves(section) : null,
    section.calibration ? calibration(section) : null,
  ];
}

/**
 * Return the classes that are taken for each other most often.
 * @param {any} section
 * @returns {HTMLElement}
 */
function taken(section) {
  return table(
    [{ left: `true ${brief(section.target)}` }, { left: "taken for" }, "rows", "of its class"],
    section.taken.map((/** @type {any} */ pair) => [
      pair.true,
      pair.said,
      count(pair.count),
      percent(pair.share),
    ]),
    "What it confuses most often",
  );
}

/**
 * Return the scores of each class; of many, those first that are found the least.
 * @param {any} section
 * @returns {HTMLElement[]}
 */
function scores(section) {
  const many = section.scores.length > SHOWN;
  const order = many
    ? [...section.scores].sort((one, other) => (one.f1 ?? 2) - (other.f1 ?? 2))
    : section.scores;
  const rows = order.map((/** @type {any} */ score) => [
    score.label,
    count(score.count),
    percent(score.precision),
    percent(score.recall),
    number(score.f1),
  ]);
  const head = [{ left: "class" }, "rows", "precision", "recall", "F1"];
  if (!many) return [table(head, rows, "Scores of each class")];
  const more = rows.length - SHOWN;
  return [
    table(head, rows.slice(0, SHOWN), "Scores of each class, the worst first"),
    h(
      "details",
      {},
      h("summary", {}, `${counted(more, "more class", "more classes")}, with better scores`),
      table(head, rows.slice(SHOWN), "Scores of the other classes"),
    ),
  ];
}

/**
 * @param {any} section
 * @returns {HTMLElement}
 */
function confusions(section) {
  const { totals } = section;
  const rows = section.confusions.map((/** @type {number[]} */ row, /** @type {number} */ k) => [
    section.labels[k],
    ...row.map((cell, j) => {
      const share = totals[k] ? cell / totals[k] : 0;
      const found = h(
        "span",
        {
          class: j === k ? "cell right" : "cell wrong",
          title: percent(share),
        },
        count(cell),
      );
      found.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
      return found;
    }),
    count(totals[k]),
  ]);
  const more = section.more
    ? ` (${counted(section.more, "rarer class", "rarer classes")} left out)`
    : "";
  const head = [
    { left: `true ${brief(section.target)} ↓, predicted →` },
    ...section.labels.map((/** @type {string} */ label) => brief(label) || " "),
    "rows",
  ];
  return table(head, rows, `How often each class was taken for each${more}`);
}

/**
 * @param {any} section
 * @returns {HTMLElement}
 */
function curves(section) {
  const found = section.curves.flatMap((/** @type {any} */ curve) => [
    lines({
      title: `ROC of ${brief(curve.label)}: area ${number(curve.auc)}`,
      x: "share of the other rows that is taken for it",
      y: "share of its rows found",
      at: curve.roc[0],
      lines: [
        { label: curve.label, values: curve.roc[1] },
        {
          label: "by chance",
          values: curve.roc[0],
          dashed: true,
          colour: "--mark",
        },
      ],
      range: [0, 1],
    }),
    lines({
      title: `Precision and recall of ${brief(curve.label)}: average precision ${number(curve.average_precision)}`,
      x: "recall",
      y: "precision",
      at: curve.pr[0],
      lines: [
        { label: curve.label, values: curve.pr[1] },
        {
          label: "by chance",
          values: curve.pr[0].map(() => curve.share),
          dashed: true,
          colour: "--mark",
        },
      ],
      range: [0, 1],
    }),
  ]);
  return h("div", { class: "figures" }, ...found);
}

/**
 * @param {any} section
 * @returns {HTMLElement}
 */
function calibration(section) {
  const found = section.calibration;
  const what =
    found.about === "second" ? `of ${brief(section.labels[1])}` : "of the predicted class";
  const drift =
    found.about === "second"
      ? `On average it says ${percent(found.mean_said)}, and ${percent(found.mean_came)} came.`
      : `On average it is ${percent(found.mean_said)} sure, and right for ${percent(found.mean_came)}.`;
  return h(
    "div",
    {},
    lines({
      title: `Calibration ${what}: average distance ${number(found.error)}`,
      x: "probability that was said",
      y: "share that came",
      at: found.said,
      lines: [
        { label: "came", values: found.came },
        { label: "said", values: found.said, dashed: true, colour: "--mark" },
      ],
      points: true,
    }),
    note(`Each point is a tenth of the rows. ${drift}`),
  );
}

/**
 * Return a slider for the threshold, with what it costs.
 * @param {any} section
 * @returns {HTMLElement}
 */
function threshold(section) {
  const { at, positives, negatives } = section.thresholds;
  const trues = section.thresholds.true_positives;
  const falses = section.thresholds.false_positives;
  const label = brief(section.labels[1]);
  const slider = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "range",
      min: 0,
      max: at.length - 1,
      step: 1,
      value: 50,
      id: "threshold",
    })
  );
  const alarm = price("cost-alarm");
  const miss = price("cost-miss");
  const shown = h("output", { for: "threshold" });
  const said = h("p", { "aria-live": "polite", class: "outcome" });
  const cost = (/** @type {number} */ k) =>
    Number(alarm.value) * falses[k] + Number(miss.value) * (positives - trues[k]);
  const cheapest = () => {
    let best = 0;
    for (let k = 1; k < at.length; k++) if (cost(k) < cost(best)) best = k;
    return best;
  };
  const show = () => {
    const k = Number(slider.value);
    shown.textContent = number(at[k]);
    const called = trues[k] + falses[k];
    said.textContent =
      `${count(called)} of ${counted(positives + negatives, "row")} are called ${label}: ` +
      `${count(trues[k])} rightly, ${count(falses[k])} wrongly; ${count(positives - trues[k])} are ` +
      `missed. Precision ${percent(called ? trues[k] / called : NaN)}, recall ` +
      `${percent(positives ? trues[k] / positives : NaN)}, cost ${number(cost(k))}. ` +
      `The cheapest threshold at these costs is ${number(at[cheapest()])}.`;
  };
  for (const input of [slider, alarm, miss]) input.addEventListener("input", show);
  const button = h(
    "button",
    {
      type: "button",
      click: () => {
        slider.value = String(cheapest());
        show();
      },
    },
    "Take the cheapest",
  );
  show();
  return h(
    "div",
    { class: "panel" },
    h("h3", {}, `From which probability on to call a row ${label}`),
    h("p", {}, h("label", { for: "threshold" }, "threshold "), slider, " ", shown),
    h(
      "p",
      {},
      h("label", { for: "cost-alarm" }, "a false alarm costs "),
      alarm,
      " ",
      h("label", { for: "cost-miss" }, "a miss costs "),
      miss,
      " ",
      button,
    ),
    said,
    note(
      "Chosen on these rows, a threshold looks a little better than it is. Choose it on rows that " +
        "you don't test on.",
    ),
  );
}

/**
 * @param {string} id
 * @returns {HTMLInputElement}
 */
function price(id) {
  return /** @type {HTMLInputElement} */ (
    h("input", { type: "number", min: 0, step: "any", value: 1, id })
  );
}
