// The scores, beside what knows nothing and a linear model.

import { h, note, table } from "../dom.js";
import { brief, count, number, percent } from "../format.js";

const SHARES = ["accuracy"];

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function answer(section) {
  const intervals = section.scores.some((/** @type {any} */ score) => score.low !== undefined);
  const linear = section.scores.some((/** @type {any} */ score) => score.linear !== undefined);
  const trivial = section.scores.some((/** @type {any} */ score) => score.trivial !== undefined);
  const head = [{ left: "score" }, "this model"];
  if (intervals) head.push("95 % interval");
  if (linear) head.push("a linear model");
  if (trivial) head.push(`trivial${section.trivial ? ` (${brief(section.trivial)})` : ""}`);
  head.push({ left: "better is" });
  const rows = section.scores.map((/** @type {any} */ score) => {
    const show = SHARES.includes(score.name) ? percent : number;
    const row = [score.label, h("strong", {}, show(score.value))];
    if (intervals) row.push(`${show(score.low)} to ${show(score.high)}`);
    if (linear) row.push(show(score.linear));
    if (trivial) row.push(show(score.trivial));
    return [...row, score.better];
  });
  return [
    h("p", { class: "headline" }, sentence(section)),
    table(head, rows, `Scores on ${section.rows}`),
    intervals
      ? note(
          "An interval says how far other rows of the same kind would move the score: it holds " +
            "95 % of the scores of 200 samples drawn from these rows, with repetition." +
            (section.fitted
              ? ` The linear model was fitted to ${count(section.fitted)} of the training rows, ` +
                "encoded as for this model."
              : ""),
        )
      : null,
  ];
}

/**
 * Say in a sentence or two how good the model is.
 * @param {any} section
 * @returns {string}
 */
function sentence(section) {
  const [first] = section.scores;
  const show = SHARES.includes(first.name) ? percent : number;
  const beside = first.name === "r2" ? percent : show;
  const said =
    first.name === "accuracy"
      ? `The model is right for ${show(first.value)} of ${section.rows}`
      : first.name === "r2"
        ? `The model explains ${percent(first.value)} of the variance of ${brief(section.target)} ` +
          `in ${section.rows}`
        : `On ${section.rows} the ${first.label} is ${show(first.value)}`;
  const others = [];
  if (first.linear !== undefined) {
    others.push(`With a linear model it is ${beside(first.linear)}.`);
  }
  if (
    first.trivial !== undefined &&
    first.trivial !== null &&
    section.trivial &&
    first.name !== "r2"
  ) {
    others.push(
      `Without a look at the columns (${brief(section.trivial)}) it is ${show(first.trivial)}.`,
    );
  }
  return [`${said}.`, ...others].join(" ");
}
