// Pictures, each in a frame of the colour of the class that the network says.

import { h } from "../dom.js";
import { brief } from "../format.js";
import { colour } from "../dom.js";

const SHOWN = 60;
const SIDE = 46;
const FRAME = 4;
const LARGE = 180;

/** The figure, with the row that is looked at. */
export class Pictures {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.row = 0;
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img", class: "plane" }));
    this.canvas.addEventListener("click", (event) => this.pick(event));
    this.legend = h("p", { class: "legend" });
    /** @type {number[]} */
    this.shown = [];
    /** @type {HTMLCanvasElement[]} */
    this.drawn = [];
    this.element = h(
      "figure",
      {},
      h("figcaption", {}, "Pictures held out, framed by what the network says of each"),
      h("div", { class: "canvas" }, this.canvas),
      this.legend,
    );
  }

  /** Begin with other rows. */
  reset() {
    const { rows } = this.app;
    const held = rows.count - rows.train;
    this.shown = Array.from({ length: Math.min(SHOWN, held) }, (_, k) => rows.train + k);
    this.drawn = this.shown.map((row) => picture(rows, row));
    this.hold(this.shown[0] ?? 0);
    this.legend.replaceChildren(
      ...rows.classes
        .slice(0, 16)
        .map((/** @type {string} */ name, /** @type {number} */ k) =>
          h("span", { class: "key" }, h("i", { class: `swatch c${k % 8}` }), brief(name)),
        ),
      h("span", { class: "key" }, "× wrong"),
    );
  }

  /**
   * Look at a row.
   * @param {number} row
   */
  hold(row) {
    this.row = row;
    this.base = this.app.rows.encoded(row);
  }

  /** Draw it anew. */
  draw() {
    const { rows, session } = this.app;
    const columns = this.columns();
    const lines = Math.ceil(this.shown.length / columns);
    const dots = window.devicePixelRatio || 1;
    this.canvas.width = columns * SIDE * dots;
    this.canvas.height = lines * SIDE * dots;
    this.canvas.style.width = `${columns * SIDE}px`;
    this.canvas.style.height = `${lines * SIDE}px`;
    const c = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    c.setTransform(dots, 0, 0, dots, 0, 0);
    c.imageSmoothingEnabled = false;
    const X = new Float64Array(this.shown.length * rows.inputs);
    this.shown.forEach((row, k) => X.set(rows.encoded(row), k * rows.inputs));
    const said = session.says(X, this.shown.length);
    let right = 0;
    this.shown.forEach((row, k) => {
      const [left, top] = [(k % columns) * SIDE, Math.floor(k / columns) * SIDE];
      const best = this.best(said, k);
      const wrong = best !== rows.y[row];
      right += Number(!wrong);
      c.fillStyle = colour(`--series-${best % 8}`);
      c.fillRect(left + 1, top + 1, SIDE - 2, SIDE - 2);
      const inner = SIDE - 2 * FRAME;
      c.drawImage(this.drawn[k], left + FRAME, top + FRAME, inner, inner);
      if (wrong) {
        c.font = "bold 16px system-ui, sans-serif";
        c.fillStyle = colour("--paper");
        c.fillRect(left + FRAME, top + FRAME, 15, 15);
        c.fillStyle = colour("--ink");
        c.fillText("×", left + FRAME + 3, top + FRAME + 13);
      }
      if (row === this.row) {
        c.strokeStyle = colour("--ink");
        c.lineWidth = 2;
        c.strokeRect(left + 1, top + 1, SIDE - 2, SIDE - 2);
      }
    });
    this.found = { right, count: this.shown.length };
    this.canvas.setAttribute(
      "aria-label",
      `${this.shown.length} pictures held out. The network tells ${right} of them right.`,
    );
  }

  /** @returns {number} */
  columns() {
    const wide = Math.max(SIDE, this.canvas.parentElement?.clientWidth ?? 320);
    return Math.floor(wide / SIDE);
  }

  /**
   * Return the class that is said of the k-th of some rows.
   * @param {Float64Array} said
   * @param {number} k
   * @returns {number}
   */
  best(said, k) {
    const q = this.app.session.width;
    if (q === 1) return Number(said[k] > 0.5);
    let best = 0;
    for (let j = 1; j < q; j++) if (said[k * q + j] > said[k * q + best]) best = j;
    return best;
  }

  /** @param {MouseEvent} event */
  pick(event) {
    const box = this.canvas.getBoundingClientRect();
    const [across, down] = [event.clientX - box.left, event.clientY - box.top];
    const k = Math.floor(down / SIDE) * this.columns() + Math.floor(across / SIDE);
    if (this.shown[k] !== undefined) this.app.hold(this.shown[k]);
  }

  /**
   * Say in words what the network says of the row that is held.
   * @returns {string}
   */
  said() {
    return this.app.session.likeliest(this.base);
  }

  /**
   * Say in words what is true of the row that is held.
   * @returns {string}
   */
  truth() {
    const { rows } = this.app;
    return brief(rows.classes[rows.y[this.row]]);
  }

  /**
   * Return the picture of the row, large.
   * @returns {HTMLElement[]}
   */
  sliders() {
    const { rows } = this.app;
    const large = picture(rows, this.row);
    large.className = "large";
    large.style.width = `${LARGE}px`;
    large.setAttribute("role", "img");
    large.setAttribute("aria-label", `${rows.nameOf(this.row)}, ${this.truth()}`);
    return [large];
  }
}

/**
 * Return a canvas with the pixels of a row.
 * @param {any} rows
 * @param {number} row
 * @returns {HTMLCanvasElement}
 */
function picture(rows, row) {
  const [high, wide, channels] = rows.record.shape;
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { width: wide, height: high }));
  const image = new ImageData(wide, high);
  for (let k = 0; k < high * wide; k++) {
    for (let part = 0; part < 3; part++) {
      const channel = channels < 3 ? 0 : part;
      image.data[4 * k + part] = rows.pixels[(row * high * wide + k) * channels + channel];
    }
    image.data[4 * k + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
