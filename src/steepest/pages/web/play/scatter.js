// Single gradients around their mean, and the means of B of them closer to it.

import { h } from "../dom.js";
import { number } from "../format.js";
import { Program } from "../engine/program.js";
import { Random } from "../engine/random.js";
import { Plane } from "./canvas.js";

const ROWS = 160;
const LEAST = 16;
const NUMBERS = 8e6; // in the gradients that are kept: of large networks, those of fewer rows
const DRAWS = 160;
const ROUNDS = 12;
const SIZES = [2, 4, 8, 16, 32, 64];

/** The figure. */
export class Scatter {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.size = 16;
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", {
        role: "img",
        class: "plane",
        "aria-label": "Gradients of single rows, and means of B of them",
      })
    );
    this.said = h("p", { class: "says", role: "status" });
    this.element = h(
      "figure",
      {},
      h("figcaption", {}, "Gradients of single rows, and means of B of them"),
      h(
        "div",
        { class: "fields" },
        h(
          "label",
          {},
          "B ",
          h(
            "select",
            {
              id: "size",
              change: (event) => {
                this.size = Number(event.target.value);
                this.draw();
              },
            },
            ...SIZES.map((size) => h("option", { selected: size === this.size }, size)),
          ),
        ),
        h("span", { class: "key" }, h("i", { class: "swatch c0" }), "one row"),
        h("span", { class: "key" }, h("i", { class: "swatch c1" }), "mean of B rows"),
        h("span", { class: "key" }, h("i", { class: "swatch ink" }), "mean of all"),
      ),
      h("div", { class: "canvas" }, this.canvas),
      this.said,
    );
  }

  /**
   * Return the gradient of each of some rows, and the numbers of the rows.
   * @returns {{gradients: Float64Array[], rows: number[]}}
   */
  single() {
    const { session, rows } = this.app;
    const data = rows.part(session.loss.type, false);
    const program = new Program(session.network, session.loss, 1, 1, true);
    const most = Math.max(LEAST, Math.min(ROWS, Math.floor(NUMBERS / program.gradient.length)));
    const every = Math.max(1, Math.floor(rows.train / most));
    const chosen = Array.from({ length: Math.min(most, rows.train) }, (_, k) => k * every);
    const gradients = chosen.map((row) => {
      program.take(data.X, data.Y, [row]);
      program.descent(1);
      return program.gradient.slice();
    });
    return { gradients, rows: chosen };
  }

  /** Compute and draw it anew. */
  draw() {
    const { gradients } = this.single();
    const mean = average(gradients);
    const [u, v] = axes(gradients, mean);
    const flat = gradients.map((g) => /** @type {[number, number]} */ ([dot(g, u), dot(g, v)]));
    const random = new Random(1);
    /** @type {[number, number][]} */
    const means = [];
    let squares = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      const g = average(
        Array.from(
          { length: this.size },
          () => gradients[Math.floor(random.uniform() * gradients.length)],
        ),
      );
      means.push([dot(g, u), dot(g, v)]);
      squares += distance(g, mean);
    }
    const near = Math.sqrt(squares / DRAWS);
    const total = gradients.reduce((sum, g) => sum + distance(g, mean), 0);
    const far = Math.sqrt(total / gradients.length);
    const plane = new Plane(this.canvas, 0.72);
    const all = [...flat, [0, 0], [dot(mean, u), dot(mean, v)]];
    plane.x = bounds(all.map((point) => point[0]));
    plane.y = bounds(all.map((point) => point[1]));
    plane.clip();
    plane.line(
      [
        [0, plane.y[0]],
        [0, plane.y[1]],
      ],
      "--grid",
      1,
    );
    plane.line(
      [
        [plane.x[0], 0],
        [plane.x[1], 0],
      ],
      "--grid",
      1,
    );
    for (const [x, y] of flat) plane.dot(x, y, "--series-0", 3);
    for (const [x, y] of means) plane.dot(x, y, "--series-1", 3);
    plane.line(
      [
        [0, 0],
        [dot(mean, u), dot(mean, v)],
      ],
      "--ink",
      2,
    );
    plane.dot(dot(mean, u), dot(mean, v), "--ink", 5);
    plane.free();
    plane.axes("along the mean gradient", "across it, where it varies most");
    this.found = { length: Math.sqrt(dot(mean, mean)), far, near, rows: gradients.length };
    this.said.textContent =
      `The mean of the gradients of ${gradients.length} rows is ${number(this.found.length)} long. ` +
      `A single one lies ${number(far)} away from it, the mean of ${this.size} drawn ones ${number(near)}: ` +
      `${number(Number((far / near).toPrecision(3)))} times closer, and √${this.size} is ${number(Number(Math.sqrt(this.size).toPrecision(3)))}. ` +
      "All of them have the same mean: each is the gradient in expectation.";
    this.canvas.setAttribute("aria-label", this.said.textContent);
  }
}

/**
 * @param {Float64Array[]} vectors
 * @returns {Float64Array}
 */
function average(vectors) {
  const total = new Float64Array(vectors[0].length);
  for (const one of vectors) for (let k = 0; k < one.length; k++) total[k] += one[k];
  return total.map((value) => value / vectors.length);
}

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 * @returns {number}
 */
export function dot(a, b) {
  let total = 0;
  for (let k = 0; k < a.length; k++) total += a[k] * b[k];
  return total;
}

/**
 * Return the squared distance of two vectors.
 * @param {Float64Array} a
 * @param {Float64Array} b
 * @returns {number}
 */
function distance(a, b) {
  let total = 0;
  for (let k = 0; k < a.length; k++) total += (a[k] - b[k]) ** 2;
  return total;
}

/**
 * Return a vector of length 1.
 * @param {Float64Array} vector
 * @returns {Float64Array}
 */
export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector.map((_, k) => Number(k === 0));
}

/**
 * Return the direction of the mean, and that of the largest spread across it (power iteration).
 * @param {Float64Array[]} gradients
 * @param {Float64Array} mean
 * @returns {[Float64Array, Float64Array]}
 */
function axes(gradients, mean) {
  const u = unit(mean);
  const across = gradients.map((g) => {
    const along = dot(g, u);
    return g.map((value, k) => value - along * u[k]);
  });
  let v = unit(across[0]);
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(v.length);
    for (const one of across) {
      const share = dot(one, v);
      for (let k = 0; k < v.length; k++) next[k] += share * one[k];
    }
    v = unit(next);
  }
  return [u, v];
}

/**
 * Return a range that holds all but the farthest of some numbers, with room around it.
 * @param {number[]} values
 * @returns {[number, number]}
 */
function bounds(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const cut = Math.floor(0.01 * ordered.length);
  const low = Math.min(0, ordered[cut]);
  const high = Math.max(0, ordered[ordered.length - 1 - cut]);
  const room = 0.08 * (high - low) || 1e-9;
  return [low - room, high + room];
}
