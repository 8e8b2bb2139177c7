// The objective over two directions of θ, as contours, and three ways down from one start.

import { h } from "../dom.js";
import { number } from "../format.js";
import { remoteIn } from "../engine/layers/remote.js";
import { Program } from "../engine/program.js";
import { Random } from "../engine/random.js";
import { Plane, mixed, rgb } from "./canvas.js";
import { dot, unit } from "./scatter.js";
import { spokenName } from "./steps.js";

const SIZES = [41, 31, 21, 15]; // points of a side: fewer if the network is large
const LEAST = 32; // rows: more than a step of 16 looks at
const MOST = 1.5e9; // products, if there are more points than the fewest
const COARSE = 11; // points of a side where Python computes a layer: each costs some milliseconds
const WORK = 1.2e8; // products for a picture
const STEPS = 60;
const LEVELS = 12;
const FAR = 100; // spans from θ: there a descent has diverged
const TRIES = 16;
const LISTED = 60;
const SPANS = [0.5, 1, 2, 4, 8];
const STARTS = [
  [-0.8, 0.7],
  [0.75, 0.8],
  [0.8, -0.65],
  [-0.7, -0.8],
];

/** @typedef {{eta: number, points: [number, number][], first: number, end: number}} Descent */

/** The figure. */
export class Landscape {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.span = 4;
    this.size = SIZES[0];
    this.start = 0;
    this.compare = "rows";
    /** @type {[string, string]} */
    this.directions = ["", ""];
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", {
        role: "img",
        class: "plane",
        "aria-label": "The objective over two directions",
      })
    );
    this.choices = h("div", { class: "fields" });
    this.key = h("p", { class: "legend" });
    this.said = h("p", { class: "says", role: "status" });
    this.element = h(
      "figure",
      {},
      h("figcaption", {}, "The objective over two directions, all other parameters as they are"),
      this.choices,
      h("div", { class: "canvas" }, this.canvas),
      this.key,
      this.said,
    );
  }

  /** Begin with another network. */
  reset() {
    const { network } = this.app.session;
    // The last matrix of weights: over it, the usual losses are bowls.
    const matrices = network.parameters.filter(
      (/** @type {any} */ one) => one.own === "A" && one.size > 1,
    );
    const first = matrices[matrices.length - 1] ?? network.parameters[0];
    const entry = (/** @type {number} */ k) => `${first.offset + Math.min(k, first.size - 1)}`;
    const known = [...this.options().keys()];
    this.directions = /** @type {[string, string]} */ (
      this.directions.map((one, k) =>
        known.includes(one) ? one : first.size > 1 ? entry(k) : k ? "random" : entry(0),
      )
    );
    const choice = (
      /** @type {string} */ id,
      /** @type {string} */ text,
      /** @type {Map<string, string>} */ all,
      /** @type {string} */ chosen,
      /** @type {(value: string) => void} */ set,
    ) =>
      h(
        "label",
        {},
        `${text} `,
        h(
          "select",
          {
            id,
            change: (event) => {
              set(event.target.value);
              this.draw();
            },
          },
          ...[...all].map(([value, name]) =>
            h("option", { value, selected: value === chosen }, name),
          ),
        ),
      );
    const spans = new Map(SPANS.map((span) => [`${span}`, `± ${span}`]));
    const what = new Map([
      ["rows", "how many rows a step looks at"],
      ["eta", "how long a step is"],
    ]);
    this.choices.replaceChildren(
      choice(
        "across",
        "across",
        this.options(),
        this.directions[0],
        (value) => (this.directions[0] = value),
      ),
      choice(
        "up",
        "up",
        this.options(),
        this.directions[1],
        (value) => (this.directions[1] = value),
      ),
      choice("span", "range", spans, `${this.span}`, (value) => (this.span = Number(value))),
      choice("compare", "compare", what, this.compare, (value) => (this.compare = value)),
      h(
        "button",
        {
          type: "button",
          click: () => {
            this.start = (this.start + 1) % STARTS.length;
            this.draw();
          },
        },
        "Another start",
      ),
    );
  }

  /**
   * Return the directions that can be chosen, with their names.
   * @returns {Map<string, string>}
   */
  options() {
    const found = new Map([
      ["gradient", "the gradient"],
      ["random", "a random direction"],
    ]);
    for (const one of [...this.app.session.network.parameters].reverse()) {
      const columns = one.shape.length === 2 ? one.shape[1] : 1;
      for (let k = 0; k < one.size && found.size < LISTED; k++) {
        const at =
          one.shape.length === 2
            ? `${Math.floor(k / columns) + 1}, ${(k % columns) + 1}`
            : `${k + 1}`;
        found.set(`${one.offset + k}`, `${spokenName(one)}[${at}]`);
      }
    }
    return found;
  }

  /**
   * Return a direction of length 1.
   * @param {string} name
   * @param {number} seed
   * @param {Float64Array} gradient
   * @returns {Float64Array}
   */
  direction(name, seed, gradient) {
    if (name === "gradient") return unit(gradient);
    const found = new Float64Array(gradient.length);
    if (name !== "random") found[Number(name)] = 1;
    else {
      const random = new Random(seed);
      found.forEach((_, k) => (found[k] = random.normal()));
    }
    return unit(found);
  }

  /** Compute and draw it anew. */
  draw() {
    const { session, rows } = this.app;
    const { network } = session;
    const data = rows.part(session.loss.type, false);
    const remote = remoteIn(session.layers).length > 0;
    const { products } = session.training.program;
    const fits = (/** @type {number} */ side) => LEAST * side * side * products < MOST;
    this.size = remote ? COARSE : (SIZES.find(fits) ?? COARSE);
    const size = this.size;
    const most = remote ? 32 : 240;
    const cost = products * size * size;
    const count = Math.max(LEAST, Math.min(rows.train, most, Math.floor(WORK / cost)));
    const every = Math.max(1, Math.floor(rows.train / count));
    const chosen = Array.from({ length: count }, (_, k) => (k * every) % rows.train);
    const program = new Program(network, session.loss, 1, count, true);
    const theta = network.theta.slice();
    const take = (/** @type {number[]} */ some) => program.take(data.X, data.Y, some);
    take(chosen);
    program.descent(count);
    const [u, v] = this.plane(program.gradient.slice());
    const move = (/** @type {number} */ a, /** @type {number} */ b) => {
      for (let k = 0; k < theta.length; k++) network.theta[k] = theta[k] + a * u[k] + b * v[k];
    };
    const value = (/** @type {number} */ a, /** @type {number} */ b) => {
      move(a, b);
      program.forward(count);
      program.instructions[program.forwardCount].run(count);
      return program.mean(count);
    };
    const grid = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < size; k++) grid[i * size + k] = value(this.at(k), this.at(i));
    }
    const descend = (/** @type {number} */ batch, /** @type {number} */ eta) => {
      const random = new Random(3);
      /** @type {[number, number][]} */
      const points = [
        /** @type {[number, number]} */ (STARTS[this.start].map((share) => share * this.span)),
      ];
      for (let step = 0; step < STEPS; step++) {
        const [a, b] = points[step];
        const some =
          batch >= count
            ? chosen
            : Array.from({ length: batch }, () => chosen[Math.floor(random.uniform() * count)]);
        move(a, b);
        take(some);
        program.descent(some.length);
        const next = /** @type {[number, number]} */ ([
          a - eta * dot(program.gradient, u),
          b - eta * dot(program.gradient, v),
        ]);
        if (!next.every(Number.isFinite) || Math.hypot(...next) > FAR * this.span) break;
        points.push(next);
      }
      take(chosen);
      return { eta, points, first: value(...points[0]), end: value(...points[points.length - 1]) };
    };
    const paths = this.ways(this.curvature(grid), descend);
    network.theta.set(theta);
    this.found = { grid, paths, count };
    this.paint(grid, paths);
    this.tell(paths, count);
  }

  /**
   * Return the two directions, the second one across the first.
   * @param {Float64Array} gradient
   * @returns {[Float64Array, Float64Array]}
   */
  plane(gradient) {
    const u = this.direction(this.directions[0], 11, gradient);
    const other = this.direction(this.directions[1], 12, gradient);
    const along = dot(u, other);
    const rest = other.map((value, k) => value - along * u[k]);
    const across = dot(rest, rest) > 1e-12 ? rest : this.direction("random", 13, gradient);
    const again = dot(u, across);
    return [u, unit(across.map((value, k) => value - again * u[k]))];
  }

  /**
   * @param {number} k
   * @returns {number}
   */
  at(k) {
    return this.span * ((2 * k) / (this.size - 1) - 1);
  }

  /**
   * Return the largest curvature within the grid: of a step longer than 2 over it, ℓ may grow.
   * @param {Float64Array} grid
   * @returns {number}
   */
  curvature(grid) {
    const space = this.at(1) - this.at(0);
    const size = this.size;
    let most = 1e-6;
    for (let i = 1; i < size - 1; i++) {
      for (let k = 1; k < size - 1; k++) {
        const g = (/** @type {number} */ up, /** @type {number} */ right) =>
          grid[(i + up) * size + k + right];
        const xx = (g(0, 1) - 2 * g(0, 0) + g(0, -1)) / space ** 2;
        const yy = (g(1, 0) - 2 * g(0, 0) + g(-1, 0)) / space ** 2;
        const xy = (g(1, 1) - g(1, -1) - g(-1, 1) + g(-1, -1)) / (4 * space ** 2);
        most = Math.max(most, (xx + yy) / 2 + Math.hypot((xx - yy) / 2, xy));
      }
    }
    return most;
  }

  /**
   * Return the ways that are compared, with what each is called. A step is too long if ℓ ends
   * above where it began; that is some way beyond 2 over the curvature where that falls off.
   * @param {number} steepness
   * @param {(size: number, eta: number) => Descent} descend
   * @returns {(Descent & {name: string})[]}
   */
  ways(steepness, descend) {
    const all = Infinity;
    if (this.compare === "rows") {
      const eta = 0.5 / steepness;
      return [
        { name: "all rows a step", ...descend(all, eta) },
        { name: "16 rows a step", ...descend(16, eta) },
        { name: "one row a step", ...descend(1, eta) },
      ];
    }
    let large = descend(all, 2.2 / steepness);
    for (let k = 0; k < TRIES && large.points.length > STEPS && large.end < large.first; k++) {
      large = descend(all, 1.5 * large.eta);
    }
    return [
      { name: "too small", ...descend(all, 0.03 / steepness) },
      { name: "good", ...descend(all, 1 / steepness) },
      { name: "too large", ...large },
    ];
  }

  /**
   * @param {Float64Array} grid
   * @param {{points: [number, number][]}[]} paths
   */
  paint(grid, paths) {
    const plane = new Plane(this.canvas, 0.8);
    plane.x = plane.y = [-this.span, this.span];
    const ordered = Float64Array.from(grid).sort();
    const rank = (/** @type {number} */ value) => {
      let [low, high] = [0, ordered.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ordered[middle] < value) low = middle + 1;
        else high = middle;
      }
      return low / ordered.length;
    };
    const size = this.size;
    const image = new ImageData(size, size);
    const [paper, deep] = [rgb("--paper"), rgb("--series-7")];
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < size; k++) {
        const share = 0.5 * (1 - rank(grid[i * size + k]));
        image.data.set([...mixed(paper, deep, share), 255], 4 * ((size - 1 - i) * size + k));
      }
    }
    plane.fill(image);
    plane.clip();
    for (let k = 1; k < LEVELS; k++) {
      this.contour(plane, grid, ordered[Math.floor((k / LEVELS) ** 1.5 * ordered.length)]);
    }
    paths.forEach(({ points }, k) => {
      const name = `--series-${[0, 2, 1][k]}`;
      plane.line(points, name, 2);
      points.slice(1).forEach(([x, y]) => plane.dot(x, y, name, 2.6));
    });
    const [x, y] = paths[0].points[0];
    plane.dot(x, y, "--ink", 5);
    plane.dot(0, 0, "--ink", 5, true);
    plane.free();
    const names = this.options();
    plane.axes(names.get(this.directions[0]) ?? "", names.get(this.directions[1]) ?? "");
  }

  /**
   * Draw where the objective has a value (marching squares).
   * @param {Plane} plane
   * @param {Float64Array} grid
   * @param {number} level
   */
  contour(plane, grid, level) {
    const c = plane.context;
    c.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--mark");
    c.lineWidth = 0.8;
    c.beginPath();
    const size = this.size;
    for (let i = 0; i < size - 1; i++) {
      for (let k = 0; k < size - 1; k++) {
        const corners = [
          [k, i],
          [k + 1, i],
          [k + 1, i + 1],
          [k, i + 1],
        ].map(([x, y]) => [x, y, grid[y * size + x]]);
        /** @type {[number, number][]} */
        const crossed = [];
        corners.forEach(([x, y, value], e) => {
          const [x2, y2, other] = corners[(e + 1) % 4];
          if (value < level === other < level) return;
          const share = (level - value) / (other - value);
          crossed.push([
            plane.across(this.at(x + share * (x2 - x))),
            plane.down(this.at(y + share * (y2 - y))),
          ]);
        });
        for (let e = 0; e + 1 < crossed.length; e += 2) {
          c.moveTo(...crossed[e]);
          c.lineTo(...crossed[e + 1]);
        }
      }
    }
    c.stroke();
  }

  /**
   * @param {{name: string, eta: number, points: [number, number][], end: number}[]} paths
   * @param {number} count
   */
  tell(paths, count) {
    const colours = ["c0", "c2", "c1"];
    this.key.replaceChildren(
      ...paths.map(({ name, eta }, k) =>
        h(
          "span",
          { class: "key" },
          h("i", { class: `swatch ${colours[k]}` }),
          `${name}, η ${number(Number(eta.toPrecision(2)))}`,
        ),
      ),
      h("span", { class: "key" }, h("i", { class: "swatch ink" }), "start"),
      h("span", { class: "key" }, h("i", { class: "swatch ring" }), "θ as it is"),
    );
    const ends = paths.map(({ name, end, points }) =>
      points.length <= STEPS ? `${name}: diverges` : `${name}: ℓ ${number(end)}`,
    );
    this.said.textContent = `ℓ of ${count} rows. After ${STEPS} steps, ${ends.join("; ")}.`;
    this.canvas.setAttribute("aria-label", `The objective from above. ${this.said.textContent}`);
  }
}
