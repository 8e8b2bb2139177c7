// Losses and metrics of every epoch.

import { lines } from "../charts/lines.js";
import { h, note } from "../dom.js";
import { count, counted, number } from "../format.js";

const WIDE = 30;

/** @type {Record<string, string>} */
const NAMES = { loss: "training rows", validation_loss: "validation rows" };

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function training(section) {
  const kept = section.best;
  const said = [counted(section.epoch.length, "epoch")];
  if (section.networks > 1) said.unshift(`The first of ${section.networks} networks:`);
  if (section.train) said.push(`over ${counted(section.train, "row")}`);
  if (section.folds) said.push(`but a fold, one of ${section.folds},`);
  if (section.seconds !== null) said.push(`in ${number(section.seconds)} s`);
  const judges = section.folds
    ? "the rows of that fold"
    : `${count(section.validation)} validation rows`;
  const chosen = kept === null ? "" : `; epoch ${kept} was kept, by ${judges} (dashed line)`;
  return [
    note(
      `${said.join(" ")}${chosen}. The training rows' loss is the average over the epoch, as it went.`,
    ),
    h("div", { class: "figures" }, ...trainingFigures(section).map(lines)),
  ];
}

/**
 * Say whether values lie so far apart that an axis of powers shows more of them.
 * @param {(number | null)[]} values
 * @returns {boolean}
 */
function wide(values) {
  const known = values.filter((value) => value !== null);
  return Math.min(...known) > 0 && Math.max(...known) > WIDE * Math.min(...known);
}

/**
 * Return losses, metrics and learning rates over the epochs.
 * @param {any} section
 * @returns {import("../charts/lines.js").Figure[]}
 */
export function trainingFigures(section) {
  const common = { x: "epoch", at: section.epoch, mark: section.best ?? undefined };
  const losses = Object.entries(section.losses).map(([name, values]) => ({
    label: NAMES[name] ?? name,
    values,
  }));
  const metrics = Object.entries(section.metrics).map(([name, values]) => ({
    ...common,
    title: `${name} on the validation rows`,
    lines: [{ label: name, values }],
  }));
  const rates = {
    ...common,
    mark: undefined,
    title: "Learning rate at the end of each epoch",
    lines: [{ label: "lr", values: section.lr }],
  };
  return [
    { ...common, title: "Loss", lines: losses, log: wide(losses.flatMap((line) => line.values)) },
    ...metrics,
    ...(section.lr.length ? [rates] : []),
  ];
}
