// Points and heights, drawn as SVG.

import { h, svg } from "../dom.js";
import { clipped, number, tick } from "../format.js";

const WIDTH = 480;
const HEIGHT = 300;
const LEFT = 64;
const BOTTOM = 40;
const TOP = 8;
const RIGHT = 12;
const NEAR = 30; // the edge: there a number stands to the left of its line

/**
 * Return a figure of points over two axes of the same range, with the line where both are equal.
 * @param {{title: string, x: string, y: string, at: number[], values: number[]}} figure
 * @returns {HTMLElement}
 */
export function points(figure) {
  const every = [...figure.at, ...figure.values];
  const ends = /** @type {[number, number]} */ ([
    every.reduce((a, b) => Math.min(a, b)),
    every.reduce((a, b) => Math.max(a, b)),
  ]);
  const frame = axes(figure, ends, ends);
  frame.drawing.append(
    svg("line", {
      class: "same",
      x1: frame.x(ends[0]),
      y1: frame.y(ends[0]),
      x2: frame.x(ends[1]),
      y2: frame.y(ends[1]),
    }),
    ...figure.at.map((at, k) =>
      svg("circle", {
        class: "point",
        cx: frame.x(at),
        cy: frame.y(figure.values[k]),
        r: 2.2,
      }),
    ),
  );
  return framed(figure, frame.drawing, `${figure.at.length} points`);
}

/**
 * Return a histogram.
 * @param {{title: string, x: string, y: string, edges: number[], counts: number[]}} figure
 * @returns {HTMLElement}
 */
export function histogram(figure) {
  const { edges, counts } = figure;
  const highest = counts.reduce((a, b) => Math.max(a, b), 1);
  const frame = axes(figure, [edges[0], edges[edges.length - 1]], [0, highest]);
  frame.drawing.append(
    ...counts.map((count, k) =>
      svg(
        "rect",
        {
          class: "height",
          x: frame.x(edges[k]),
          y: frame.y(count),
          width: Math.max(0.5, frame.x(edges[k + 1]) - frame.x(edges[k]) - 0.5),
          height: frame.y(0) - frame.y(count),
        },
        svg("title", {}, `${number(edges[k])} to ${number(edges[k + 1])}: ${number(count)}`),
      ),
    ),
  );
  return framed(figure, frame.drawing, `${counts.length} bins`);
}

/**
 * @param {{title: string, x: string, y: string}} figure
 * @param {SVGElement} drawing
 * @param {string} what
 * @returns {HTMLElement}
 */
function framed(figure, drawing, what) {
  drawing.setAttribute("aria-label", `${figure.title}: ${figure.y} over ${figure.x}, ${what}`);
  const element = h("figure", {}, h("figcaption", {}, figure.title), drawing);
  Object.assign(element, { figure });
  return element;
}

/**
 * Return an empty drawing with two axes, and where numbers lie on them.
 * @param {{x: string, y: string}} names
 * @param {[number, number]} across
 * @param {[number, number]} up
 */
function axes(names, across, up) {
  const wide = across[1] - across[0] || 1;
  const high = up[1] - up[0] || 1;
  const x = (/** @type {number} */ at) => LEFT + ((at - across[0]) / wide) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ at) =>
    HEIGHT - BOTTOM - ((at - up[0]) / high) * (HEIGHT - BOTTOM - TOP);
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    class: "drawing",
  });
  const [xs, ys] = [ticks(across), ticks(up)];
  for (const at of xs) {
    drawing.append(
      svg("line", {
        class: "grid",
        x1: x(at),
        x2: x(at),
        y1: TOP,
        y2: HEIGHT - BOTTOM,
      }),
      svg(
        "text",
        {
          x: x(at),
          y: HEIGHT - BOTTOM + 16,
          "text-anchor": x(at) > WIDTH - NEAR ? "end" : "middle",
        },
        tick(at, xs[1] - xs[0]),
      ),
    );
  }
  for (const at of ys) {
    drawing.append(
      svg("line", {
        class: "grid",
        x1: LEFT,
        x2: WIDTH - RIGHT,
        y1: y(at),
        y2: y(at),
      }),
      svg("text", { x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, tick(at, ys[1] - ys[0])),
    );
  }
  drawing.append(
    svg(
      "text",
      { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle" },
      clipped(names.x, 60),
    ),
  );
  return { drawing, x, y };
}

/**
 * Return about five round numbers in a range.
 * @param {[number, number]} range
 * @returns {number[]}
 */
export function ticks([low, high]) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough) ?? rough;
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12); k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}
