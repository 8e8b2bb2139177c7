// What was seen of gradients and steps, layer by layer.

import { lines } from "../charts/lines.js";
import { h, note, table } from "../dom.js";
import { number, percent, sentence } from "../format.js";

/** @type {[string, string, boolean][]} */
const SEEN = [
  ["dy", "‖∇y ℓ‖: the gradient that reaches each layer's output", true],
  ["dtheta", "‖∇θ ℓ‖: the gradient of each layer's parameters", true],
  ["update", "‖Δθ‖ / ‖θ‖: how far a step moves each layer", true],
  ["dead", "Share of dead units: no slope for any example", false],
  ["saturated", "Share of saturated units: hardly any slope for most examples", false],
];

/** @type {{range: [number, number]}} */
const SHARE = { range: [0, 1] };

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function gradients(section) {
  return [
    h("p", {}, sentence(section.verdict)),
    section.epoch.length === 1
      ? once(section)
      : h("div", { class: "figures" }, ...gradientFigures(section).map(lines)),
    note(
      "Measured on examples drawn from the training rows now and then, and averaged over an epoch.",
    ),
  ];
}

/**
 * Return what was seen in a single epoch, a row for each layer.
 * @param {any} section
 * @returns {HTMLElement}
 */
function once(section) {
  const there = SEEN.filter(([name]) => section.layers.some((/** @type {any} */ one) => one[name]));
  const rows = section.layers.map((/** @type {any} */ layer) => [
    nameOf(layer),
    ...there.map(([name, , log]) => {
      const value = layer[name]?.[0] ?? null;
      return value === null ? "" : log ? number(value) : percent(value);
    }),
  ]);
  const head = there.map(([, title]) => title.replace(/:.*$/, ""));
  return table([{ left: "layer" }, ...head], rows, `In epoch ${section.epoch[0]}`);
}

/**
 * @param {any} layer
 * @returns {string}
 */
function nameOf(layer) {
  return `${layer.path} ${layer.kind.replace(/\(.*$/, "")}`;
}

/**
 * Return what was seen over the epochs, a line for each layer.
 * @param {any} section
 * @returns {import("../charts/lines.js").Figure[]}
 */
export function gradientFigures(section) {
  return SEEN.flatMap(([name, title, log]) => {
    const seen = section.layers.filter((/** @type {any} */ layer) => layer[name] !== undefined);
    if (!seen.length) return [];
    const drawn = seen.map((/** @type {any} */ layer) => ({
      label: nameOf(layer),
      values: log ? layer[name].map(positive) : layer[name],
    }));
    return [{ title, x: "epoch", at: section.epoch, log, lines: drawn, ...(log ? {} : SHARE) }];
  });
}

/**
 * Zero has no place on an axis of powers.
 * @param {number | null} value
 * @returns {number | null}
 */
function positive(value) {
  return value !== null && value > 0 ? value : null;
}
