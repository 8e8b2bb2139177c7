// Losses and metrics of every epoch.

import { lines } from "../charts/lines.js";
import { h, note } from "../dom.js";
import { count, number } from "../format.js";

/** @type {Record<string, string>} */
const NAMES = { loss: "training rows", validation_loss: "validation rows" };

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function training(section) {
  const kept = section.best ?? undefined;
  const said = [`${section.epoch.length} epochs`];
  if (section.train) said.push(`over ${count(section.train)} rows`);
  if (section.seconds !== null) said.push(`in ${number(section.seconds)} s`);
  const chosen =
    kept === undefined
      ? ""
      : `; epoch ${kept} was kept, by ${count(section.validation)} validation rows (dashed line)`;
  return [
    note(
      `${said.join(" ")}${chosen}. The training rows' loss is the average over the epoch, as it went.`,
    ),
    h(
      "div",
      { class: "figures" },
      lines({
        title: "Loss",
        x: "epoch",
        at: section.epoch,
        mark: kept,
        lines: Object.entries(section.losses).map(([name, values]) => ({
          label: NAMES[name] ?? name,
          values,
        })),
      }),
      ...Object.entries(section.metrics).map(([name, values]) =>
        lines({
          title: `${name} on the validation rows`,
          x: "epoch",
          at: section.epoch,
          mark: kept,
          lines: [{ label: name, values }],
        }),
      ),
      section.lr.length
        ? lines({
            title: "Learning rate at the end of each epoch",
            x: "epoch",
            at: section.epoch,
            lines: [{ label: "lr", values: section.lr }],
          })
        : null,
    ),
  ];
}
