// The network as a drawing: a column of units for each layer, lines for the weights between them.

import { h, svg } from "../dom.js";
import { typeOf } from "./session.js";

const UNITS = 10;
const GAP = 22;
const LEGIBLE = 0.75; // of its size: the drawing of a deep network is scrolled instead

/**
 * One column of the drawing: of an example with several rows, such as members, the first one.
 * @typedef {{label: string, width: number, times: number, y: import("../engine/program.js").Buffer | null, dy: import("../engine/program.js").Buffer | null, path: string}} Station
 */

/**
 * Return the columns of the drawing: x, and y of every layer, with the arrays that hold them.
 * @param {import("../engine/program.js").Program} program
 * @param {any[]} layers
 * @returns {Station[]}
 */
export function stations(program, layers) {
  const belongs = (/** @type {string} */ path, /** @type {number} */ k) =>
    path === `${k}` || path.startsWith(`${k}.`);
  const last = (/** @type {string} */ phase, /** @type {number} */ k) =>
    program.instructions.filter((one) => one.phase === phase && belongs(one.path, k)).at(-1);
  const sizes = (/** @type {import("../engine/program.js").Buffer} */ { shape, width }) =>
    shape.length === 2 ? { width: shape[1], times: shape[0] } : { width, times: 1 };
  const { x } = program;
  /** @type {Station[]} */
  const found = [{ label: "x", ...sizes(x), y: x, dy: null, path: "" }];
  layers.forEach((layer, k) => {
    const y = last("forward", k)?.writes[0][1] ?? found[k].y;
    found.push({
      label: typeOf(layer),
      ...(y ? sizes(y) : { width: found[k].width, times: found[k].times }),
      y,
      dy: last("backwardX", k + 1)?.writes[0][1] ?? null,
      path: `${k}`,
    });
  });
  found[found.length - 1].dy = program.dz;
  return found;
}

/** The drawing. */
export class Diagram {
  constructor() {
    this.element = h("div", {
      class: "diagram",
      role: "group",
      "aria-label": "Drawing of the network",
      tabindex: 0,
    });
  }

  /**
   * Draw it; units have the colour of their value in the first row of the step, or of ∇ℓ at them.
   * @param {import("./session.js").Session} session
   * @param {{path: string, backward: boolean, done: boolean} | null} active
   */
  draw(session, active) {
    const { training, network, layers } = session;
    const program = training.program;
    const columns = stations(program, layers);
    const tall = Math.min(UNITS, Math.max(...columns.map((one) => one.width)));
    const apart = columns.some((one) => one.times > 1) ? 80 : 62;
    const [wide, high] = [Math.max(300, columns.length * apart), tall * GAP + 46];
    const across = (/** @type {number} */ k) =>
      apart / 2 + (k * (wide - apart)) / (columns.length - 1);
    const down = (/** @type {Station} */ one, /** @type {number} */ j) =>
      22 + GAP / 2 + ((tall - Math.min(UNITS, one.width)) * GAP) / 2 + j * GAP;
    /** @type {SVGElement[]} */
    const drawn = [];
    columns.slice(1).forEach((to, k) => {
      const from = columns[k];
      const weights = network.parameters.find(
        (one) => one.name === `${k}.A` && one.size === from.width * to.width,
      );
      drawn.push(
        ...lines(from, to, weights ? network.view(weights) : null, (one, j) => [
          across(one === from ? k : k + 1),
          down(one, j),
        ]),
      );
    });
    columns.forEach((one, k) => {
      const backward = active?.backward ?? false;
      const values = backward ? one.dy?.values : one.y?.values;
      const shown = Math.min(UNITS, one.width);
      const most = Math.max(
        1e-12,
        ...Array.from({ length: one.width }, (_, j) => Math.abs(values?.[j] ?? 0)),
      );
      const here = active !== null && active.path !== "" && active.path.split(".")[0] === one.path;
      for (let j = 0; j < shown; j++) {
        const share = active && values ? values[j] / most : 0;
        const element = svg("circle", {
          cx: across(k),
          cy: down(one, j),
          r: 7,
          class: `unit ${share < 0 ? "below" : "above"} ${here ? "here" : ""}`,
        });
        element.style.setProperty("--strength", String(active ? Math.abs(share) : 0));
        drawn.push(element);
      }
      const label = one.label.length > 10 ? `${one.label.slice(0, 9)}…` : one.label;
      drawn.push(
        svg("text", { x: across(k), y: 14, class: here ? "here" : "" }, label),
        svg(
          "text",
          { x: across(k), y: high - 8 },
          `${one.width > UNITS ? `${UNITS} of ` : ""}${one.width}${one.times > 1 ? ` ×${one.times}` : ""}`,
        ),
      );
    });
    const told = columns
      .map((one) => `${one.label} ${one.width}${one.times > 1 ? ` of each of ${one.times}` : ""}`)
      .join(", then ");
    const drawing = svg(
      "svg",
      { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `The network: ${told}` },
      ...drawn,
    );
    drawing.style.minWidth = `${Math.round(LEGIBLE * wide)}px`;
    const at = this.element.scrollLeft;
    this.element.replaceChildren(drawing);
    this.element.scrollLeft = at;
  }
}

/**
 * Return lines between the units of two columns: all where there are weights, else from each to its
 * own.
 * @param {Station} from
 * @param {Station} to
 * @param {Float64Array | null} A
 * @param {(one: Station, j: number) => [number, number]} at
 * @returns {SVGElement[]}
 */
function lines(from, to, A, at) {
  const [p, q] = [Math.min(UNITS, from.width), Math.min(UNITS, to.width)];
  const most = A ? A.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12) : 1;
  /** @type {SVGElement[]} */
  const found = [];
  for (let j = 0; j < q; j++) {
    for (let k = 0; k < p; k++) {
      if (!A && k !== Math.min(j, p - 1)) continue;
      const weight = A ? A[j * from.width + k] / most : 0.3;
      const [[x1, y1], [x2, y2]] = [at(from, k), at(to, j)];
      const kind = A ? (weight < 0 ? "below" : "above") : "plain";
      const element = svg("line", { x1: x1 + 7, y1, x2: x2 - 7, y2, class: `weight ${kind}` });
      element.style.setProperty("--strength", String(Math.abs(weight)));
      found.push(element);
    }
  }
  return found;
}
