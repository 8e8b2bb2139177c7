// What the network says over two columns, or one, with all others as in a row.

import { h } from "../dom.js";
import { brief, number } from "../format.js";
import { Plane, mixed, rgb } from "./canvas.js";
import { put, worded } from "./data.js";

const CURVE = -1;
const SHOWN = 600;
const CALM = 0.62; // of a colour, the rest is paper: points stand out from what lies below them

/** The figure, with what it looks at. */
export class Surface {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.row = 0;
    this.x = 0;
    this.y = CURVE;
    this.base = new Float64Array(0);
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img", class: "plane" }));
    this.canvas.addEventListener("click", (event) => this.pick(event));
    this.choices = h("div", { class: "fields" });
    this.legend = h("p", { class: "legend" });
    this.element = h(
      "figure",
      {},
      h("figcaption", {}, "What the network says"),
      this.choices,
      h("div", { class: "canvas" }, this.canvas),
      this.legend,
    );
  }

  /** Begin with other rows. */
  reset() {
    const { columns } = this.app.rows;
    const numbers = columns.flatMap((/** @type {any} */ one, /** @type {number} */ k) =>
      one.at && one.at.length > 2 ? [k] : [],
    );
    this.x = numbers[0] ?? 0;
    this.y = numbers[1] ?? (columns.length > 1 ? Number(this.x === 0) : CURVE);
    this.hold(0);
    const options = (/** @type {number} */ chosen, /** @type {boolean} */ curve) => [
      ...columns.map((/** @type {any} */ one, /** @type {number} */ k) =>
        option(k, one.name, k === chosen),
      ),
      ...(curve ? [option(CURVE, "nothing: draw a curve", chosen === CURVE)] : []),
    ];
    const select = (/** @type {"x" | "y"} */ axis, /** @type {string} */ text) =>
      h(
        "label",
        {},
        text,
        " ",
        h(
          "select",
          {
            id: `surface-${axis}`,
            change: (event) => {
              this[axis] = Number(event.target.value);
              this.draw();
            },
          },
          ...options(this[axis], axis === "y"),
        ),
      );
    this.choices.replaceChildren(select("x", "over"), select("y", "and"));
    this.choices.hidden = columns.length === 1;
    this.legend.replaceChildren(...this.key());
  }

  /**
   * Take the values that are not drawn from a row.
   * @param {number} row
   */
  hold(row) {
    this.row = row;
    this.base = this.app.rows.encoded(row);
  }

  /** @returns {Node[]} */
  key() {
    const { classes, task } = this.app.rows;
    const words = classes.length
      ? classes
          .slice(0, 8)
          .map((/** @type {string} */ name, /** @type {number} */ k) => [`c${k}`, name])
      : [
          ["c0", `low ${brief(task.name)}`],
          ["c1", `high ${brief(task.name)}`],
        ];
    return [
      ...words.map((/** @type {[string, string]} */ [c, name]) =>
        h("span", { class: "key" }, h("i", { class: `swatch ${c}` }), brief(name)),
      ),
      h("span", { class: "key" }, h("i", { class: "swatch ring" }), "held out"),
    ];
  }

  /** @returns {Plane} */
  empty() {
    const curve = this.y === CURVE;
    return new Plane(this.canvas, curve ? 0.72 : 0.9, !curve && Boolean(this.axis(this.y).words));
  }

  /**
   * Draw it anew, quickly while a training runs.
   * @param {boolean} [coarse]
   */
  draw(coarse = false) {
    const plane = this.empty();
    if (this.y === CURVE) this.curve(plane);
    else this.plane(plane, this.size(coarse));
    const { columns } = this.app.rows;
    const others = columns.length - (this.y === CURVE ? 1 : 2);
    this.canvas.setAttribute(
      "aria-label",
      `What the network says over ${brief(columns[this.x].name)}` +
        (this.y === CURVE ? "" : ` and ${brief(columns[this.y].name)}`) +
        (others ? `, other columns as in ${this.app.rows.nameOf(this.row)}` : ""),
    );
  }

  /**
   * Return how many points a side has: fewer if the network is large.
   * @param {boolean} coarse
   * @returns {number}
   */
  size(coarse) {
    const [most, least, products] = coarse ? [33, 9, 4e7] : [100, 25, 4e8];
    const affordable = Math.sqrt(products / this.app.session.other.products);
    return Math.round(Math.min(most, Math.max(least, affordable)));
  }

  /**
   * @param {number} k
   * @returns {{column: any, range: [number, number], words?: string[], value: (share: number) => number}}
   */
  axis(k) {
    const column = this.app.rows.columns[k];
    if (column.labels) {
      const count = column.labels.length;
      return {
        column,
        range: [0, count],
        words: column.labels,
        value: (share) => Math.min(count - 1, Math.floor(share * count)),
      };
    }
    const [low, high] = column.range;
    return { column, range: [low, high], value: (share) => low + share * (high - low) };
  }

  /**
   * Return what the network says on a grid, the first row at the top.
   * @param {number} size
   * @returns {Float64Array}
   */
  grid(size) {
    const [x, y] = [this.axis(this.x), this.axis(this.y)];
    const p = this.app.rows.inputs;
    const X = new Float64Array(size * size * p);
    const row = this.base.slice();
    for (let i = 0; i < size; i++) {
      put(y.column, y.value(1 - (i + 0.5) / size), row);
      for (let k = 0; k < size; k++) {
        put(x.column, x.value((k + 0.5) / size), row);
        X.set(row, (i * size + k) * p);
      }
    }
    return this.app.session.says(X, size * size);
  }

  /**
   * @param {Plane} plane
   * @param {number} size
   */
  plane(plane, size) {
    const [x, y] = [this.axis(this.x), this.axis(this.y)];
    plane.x = x.range;
    plane.y = y.range;
    const said = this.grid(size);
    const image = new ImageData(size, size);
    const paint = this.painter();
    for (let k = 0; k < size * size; k++) paint(said, k, image.data);
    plane.fill(image);
    plane.clip();
    this.points(plane, (row) => [place(x, row), place(y, row)]);
    plane.free();
    plane.axes(x.column.name, y.column.name, { x: x.words, y: y.words });
  }

  /**
   * Return what writes the colour of one point.
   * @returns {(said: Float64Array, k: number, pixels: Uint8ClampedArray) => void}
   */
  painter() {
    const { session, rows } = this.app;
    const q = session.width;
    const paper = rgb("--paper");
    const colours = Array.from({ length: 8 }, (_, k) => rgb(`--series-${k}`));
    const [low, high] = rows.classes.length ? [0, 1] : this.bounds();
    return (said, k, pixels) => {
      let found = paper;
      if (q > 1 && rows.classes.length) {
        found = [0, 0, 0];
        for (let c = 0; c < q; c++) {
          for (let part = 0; part < 3; part++)
            found[part] += said[k * q + c] * colours[c % 8][part];
        }
        found = mixed(paper, found, CALM);
      } else {
        const share = Math.min(1, Math.max(0, (said[k * q] - low) / (high - low)));
        found = mixed(paper, colours[share < 0.5 ? 0 : 1], CALM * Math.abs(2 * share - 1));
      }
      pixels.set([...found, 255], 4 * k);
    };
  }

  /**
   * Return the range of the target, in the user's units.
   * @returns {[number, number]}
   */
  bounds() {
    const { y, task } = this.app.rows;
    let [low, high] = [Infinity, -Infinity];
    for (const value of y) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return [task.mean + task.deviation * low, task.mean + task.deviation * high];
  }

  /**
   * @param {Plane} plane
   * @param {(row: number) => [number, number]} at
   */
  points(plane, at) {
    const { rows } = this.app;
    const [low, high] = this.bounds();
    const every = Math.max(1, Math.ceil(rows.count / SHOWN));
    for (let row = 0; row < rows.count; row += every) {
      const [x, y] = at(row);
      const value = rows.task.mean + rows.task.deviation * rows.y[row];
      const own = rows.classes.length ? rows.y[row] % 8 : Number(value > (low + high) / 2);
      plane.dot(x, y, `--series-${own}`, row < rows.train ? 3.2 : 2.6, row >= rows.train);
    }
    const [x, y] = at(this.row);
    plane.context.strokeStyle = plane.context.fillStyle = "transparent";
    plane.dot(x, y, "--ink", 6, true);
    plane.dot(x, y, "--ink", 2);
  }

  /** @param {Plane} plane */
  curve(plane) {
    const { rows, session } = this.app;
    const x = this.axis(this.x);
    const size = x.words ? x.words.length : 240;
    const X = new Float64Array(size * rows.inputs);
    const row = this.base.slice();
    const at = Array.from({ length: size }, (_, k) => (x.words ? k : x.value(k / (size - 1))));
    at.forEach((value, k) => {
      put(x.column, value, row);
      X.set(row, k * rows.inputs);
    });
    const said = session.says(X, size);
    const q = session.width;
    plane.x = x.range;
    const [low, high] = rows.classes.length ? [0, 1] : this.bounds();
    const room = 0.06 * (high - low || 1);
    plane.y = [low - room, high + room];
    plane.clip();
    if (!rows.classes.length) {
      this.points(plane, (k) => [place(x, k), rows.task.mean + rows.task.deviation * rows.y[k]]);
    }
    for (let c = 0; c < q; c++) {
      const points = at.map(
        (value, k) =>
          /** @type {[number, number]} */ ([value + (x.words ? 0.5 : 0), said[k * q + c]]),
      );
      plane.line(points, `--series-${q === 1 ? 1 : c % 8}`, 2.5);
    }
    plane.free();
    plane.axes(x.column.name, rows.classes.length ? "probability" : rows.task.name, { x: x.words });
  }

  /** @param {MouseEvent} event */
  pick(event) {
    const plane = this.empty();
    const { rows } = this.app;
    const x = this.axis(this.x);
    plane.x = x.range;
    const y = this.y === CURVE ? null : this.axis(this.y);
    if (y) plane.y = y.range;
    const box = this.canvas.getBoundingClientRect();
    const [across, down] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [this.row, Infinity];
    for (let row = 0; row < rows.count; row++) {
      const far = Math.hypot(
        plane.across(place(x, row)) - across,
        y ? plane.down(place(y, row)) - down : 0,
      );
      if (far < least) [best, least] = [row, far];
    }
    this.app.hold(best);
  }

  /**
   * Say in words what the network says of the row that is held.
   * @returns {string}
   */
  said() {
    const { rows, session } = this.app;
    if (rows.classes.length) return session.likeliest(this.base);
    return `${brief(rows.task.name)} ${number(session.says(this.base, 1)[0])}`;
  }

  /**
   * Say in words what is true of the row that is held.
   * @returns {string}
   */
  truth() {
    const { rows } = this.app;
    const value = rows.y[this.row];
    return rows.classes.length
      ? brief(rows.classes[value])
      : `${brief(rows.task.name)} ${number(rows.task.mean + rows.task.deviation * value)}`;
  }

  /**
   * Return the controls that change one value each of the row that is held.
   * @returns {HTMLElement[]}
   */
  sliders() {
    const { rows } = this.app;
    return rows.columns.map((/** @type {any} */ column, /** @type {number} */ k) => {
      const raw = column.raw[this.row];
      const shown = h("output", {}, worded(column, raw, number));
      const change = (/** @type {number} */ value) => {
        if (value < 0 && column.labels) {
          const own = rows.encoded(this.row);
          column.places.forEach((/** @type {number} */ j) => (this.base[j] = own[j]));
        } else put(column, value, this.base);
        shown.textContent = worded(column, value, number);
        this.app.moved();
      };
      const id = `what-if-${k}`;
      const control = column.labels
        ? h(
            "select",
            { id, change: (event) => change(Number(event.target.value)) },
            ...(Number.isNaN(raw) ? [option(-1, "another", true)] : []),
            ...column.labels.map((/** @type {string} */ label, /** @type {number} */ j) =>
              option(j, label, j === raw),
            ),
          )
        : h("input", {
            id,
            type: "range",
            min: column.at[0],
            max: column.at.at(-1),
            step: stepOf(column.at),
            value: Number.isNaN(raw) ? column.at[0] : raw,
            input: (event) => change(Number(event.target.value)),
          });
      return h(
        "div",
        { class: "slider" },
        h("label", { for: id, title: column.name }, brief(column.name)),
        control,
        column.labels ? null : shown,
      );
    });
  }
}

/**
 * @param {number} value
 * @param {string} text
 * @param {boolean} chosen
 * @returns {HTMLElement}
 */
export function option(value, text, chosen) {
  return h("option", { value, selected: chosen }, brief(text));
}

/**
 * Return how far a slider goes at once.
 * @param {number[]} at
 * @returns {number}
 */
function stepOf(at) {
  const range = at[at.length - 1] - at[0];
  return at.every(Number.isInteger) && range > 4 ? 1 : range / 100 || 1;
}

/**
 * Return where a row lies on an axis.
 * @param {{column: any, words?: string[]}} axis
 * @param {number} row
 * @returns {number}
 */
function place(axis, row) {
  const raw = axis.column.raw[row];
  return axis.words ? raw + 0.5 : raw;
}
