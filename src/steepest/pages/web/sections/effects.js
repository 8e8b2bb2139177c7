// The mean prediction, and that of single rows, over the values of one column; of texts, the words
// that move it.

import { bar } from "../charts/bars.js";
import { lines } from "../charts/lines.js";
import { h, note, table } from "../dom.js";
import { brief, count, number } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function effects(section) {
  const drawn = section.effects.filter((/** @type {any} */ effect) => !effect.words);
  const texts = section.effects.filter((/** @type {any} */ effect) => effect.words);
  return [
    drawn.length
      ? note(
          `Each figure puts other values of one column into ${section.rows} and keeps all else. ` +
            "Thick: the average over the rows; thin: single rows. Such rows need not exist, and " +
            "what moves together with the column is held still." +
            (section.left
              ? ` The lines are those of the most frequent classes; ${count(section.left)} are left out.`
              : ""),
        )
      : null,
    h(
      "div",
      { class: "figures" },
      ...drawn.map((/** @type {any} */ effect) => figure(effect, section.what)),
    ),
    ...texts.flatMap((/** @type {any} */ effect) => words(effect, section)),
  ];
}

/**
 * @param {any} effect
 * @param {string} what
 * @returns {HTMLElement}
 */
function figure(effect, what) {
  return lines({
    title: brief(effect.name),
    x: effect.name,
    y: what,
    at: effect.at ?? effect.labels.map((/** @type {string} */ _, /** @type {number} */ k) => k),
    labels: effect.at ? undefined : effect.labels,
    points: effect.at === null,
    lines: [
      ...effect.single.map((/** @type {number[]} */ values, /** @type {number} */ k) => ({
        label: `row ${k + 1}`,
        values,
        faint: true,
      })),
      ...Object.entries(effect.mean).map(([label, values]) => ({ label, values })),
    ],
  });
}

/**
 * Return a table for each output of the words that move it.
 * @param {any} effect
 * @param {any} section
 * @returns {HTMLElement[]}
 */
function words(effect, section) {
  const tables = Object.entries(effect.words).map(([label, found]) => {
    const most = Math.max(1e-300, ...found.map((/** @type {any} */ one) => Math.abs(one.effect)));
    const rows = found.map((/** @type {any} */ one) => [
      one.word,
      count(one.texts),
      number(one.effect),
      bar(one.effect / most, true),
    ]);
    const head = [{ left: "word" }, "texts", "effect", { left: "" }];
    return table(head, rows, `${brief(label)}: words of ${brief(effect.name)}`);
  });
  return [
    h("div", { class: "figures" }, ...tables),
    note(
      `Effect: by how much ${section.falls}, on average, when the word is taken out of a text that ` +
        `has it. Words that at least 3 of ${section.texts} texts have.`,
    ),
  ];
}
