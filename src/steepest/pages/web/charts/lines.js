// Curves over a common axis, drawn by uPlot: with a legend, values under the pointer, and zoom.

import { colour, h, table } from "../dom.js";
import { brief, clipped, number, tick } from "../format.js";

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {(number | null)[]} values
 * @property {boolean} [dashed]
 * @property {boolean} [faint]  whether it is one of many, without a place in the legend
 * @property {string} [colour]  the name of a colour of the styles
 *
 * @typedef {object} Figure
 * @property {string} title
 * @property {string} x  what the axis along the bottom shows
 * @property {string} [y]
 * @property {number[]} at
 * @property {string[]} [labels]  of the values on the axis, if they are no numbers
 * @property {Line[]} lines
 * @property {number} [mark]  where a vertical line stands
 * @property {boolean} [log]
 * @property {boolean} [points]
 * @property {[number, number]} [range]
 */

const HEIGHT = 260;
const COLOURS = 8;
const FEW = 3;
const WHOLE = [1, 2, 5]
  .flatMap((k) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((p) => k * p))
  .sort((a, b) => a - b);

/** @type {(() => void)[]} */
const redraw = [];
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  redraw.forEach((draw) => draw()),
);

/**
 * Return a figure. Its numbers are also a table below it, closed at first. Its function `update`
 * gives it others, of as many lines.
 * @param {Figure} figure
 * @returns {HTMLElement}
 */
export function lines(figure) {
  const place = h("div", { class: "plot", role: "img", "aria-label": spoken(figure) });
  const below = h("div");
  const element = h("figure", {}, h("figcaption", {}, figure.title), place, below);
  /** @type {any} */
  let plot = null;
  const draw = () => {
    if (plot !== null) plot.destroy();
    plot = new uPlot(options(figure, place.clientWidth || 480), data(figure), place);
  };
  const update = (/** @type {Figure} */ next) => {
    const same =
      next.lines.length === figure.lines.length &&
      next.mark === figure.mark &&
      next.log === figure.log;
    figure = next;
    Object.assign(element, { figure });
    place.setAttribute("aria-label", spoken(figure));
    const open = below.querySelector("details")?.open ?? false;
    below.replaceChildren(numbers(figure, open));
    if (plot !== null && same) plot.setData(data(figure));
    else if (plot !== null) draw();
  };
  Object.assign(element, { update });
  update(figure);
  new ResizeObserver(() => {
    if (plot === null) draw();
    else if (plot.width !== place.clientWidth && place.clientWidth > 0) {
      plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }).observe(place);
  redraw.push(draw);
  return element;
}

/**
 * @param {Figure} figure
 * @returns {any}
 */
function data(figure) {
  return [figure.at, ...figure.lines.map((line) => line.values)];
}

/**
 * @param {Figure} figure
 * @param {number} width
 * @returns {any}
 */
function options(figure, width) {
  const ink = colour("--ink-soft");
  const grid = { stroke: colour("--grid"), width: 1 };
  const axis = {
    stroke: ink,
    grid,
    ticks: grid,
    font: "12px system-ui, sans-serif",
  };
  const shown = (/** @type {any} */ _, /** @type {number | null} */ value) =>
    value === null ? "" : number(value);
  const labels = figure.labels;
  let next = 0;
  return {
    width,
    height: HEIGHT,
    scales: {
      x: { time: false },
      y: {
        distr: figure.log ? 3 : 1,
        ...(figure.range ? { range: figure.range } : {}),
      },
    },
    ...(labels ? { padding: [null, 44, null, null] } : {}), // the last label is turned to the right
    cursor: { drag: { x: true, y: false } },
    axes: [
      {
        ...axis,
        ...(figure.at.every(Number.isInteger) ? { incrs: WHOLE } : {}),
        label: clipped(figure.x, 60),
        labelFont: axis.font,
        ...(labels
          ? {
              splits: () => figure.at,
              values: (/** @type {any} */ _, /** @type {number[]} */ at) =>
                at.map((k) => clipped(labels[k], 10)),
              rotate: labels.length > 4 ? -45 : 0,
              size: labels.length > 4 ? 84 : 40,
            }
          : {}),
      },
      {
        ...axis,
        label: figure.y === undefined ? undefined : clipped(figure.y, 28),
        labelFont: axis.font,
        size: (/** @type {any} */ _, /** @type {string[] | null} */ texts) =>
          Math.max(64, 16 + 7 * Math.max(0, ...(texts ?? []).map((text) => text.length))),
        values: (
          /** @type {any} */ _,
          /** @type {(number | null)[]} */ at,
          /** @type {number} */ __,
          /** @type {number} */ ___,
          /** @type {number} */ step,
        ) =>
          at.map((value) => (value === null ? "" : figure.log ? number(value) : tick(value, step))),
      },
    ],
    series: [
      {
        label: clipped(figure.x, 20),
        value: (/** @type {any} */ _, /** @type {number | null} */ at) =>
          at !== null && labels ? labels[at] : shown(_, at),
      },
      ...figure.lines.map((line) => {
        const place = line.faint || line.colour ? 0 : next++;
        return {
          label: brief(line.label),
          stroke: colour(line.faint ? "--faint" : (line.colour ?? `--series-${place % COLOURS}`)),
          width: line.faint ? 1 : 2,
          dash: line.dashed || place >= COLOURS ? [6, 4] : undefined,
          points: {
            show: (/** @type {any} */ plot, /** @type {number} */ k) =>
              (figure.points ?? false) || few(plot.data[k]),
          },
          value: shown,
          spanGaps: true,
        };
      }),
    ],
    legend: {
      show: true,
      live: true,
      markers: {
        dash: (/** @type {any} */ plot, /** @type {number} */ k) =>
          plot.series[k].dash ? "dashed" : "solid",
      },
    },
    hooks: {
      ready: [
        (/** @type {any} */ plot) => {
          const entries = [...plot.root.querySelectorAll(".u-series")];
          figure.lines.forEach((line, k) => line.faint && entries[k + 1].remove());
        },
      ],
      draw: [(/** @type {any} */ plot) => mark(plot, figure.mark)],
    },
  };
}

/**
 * Say whether there are so few values that a line alone is not seen, or hardly says where they lie.
 * @param {(number | null)[]} values
 * @returns {boolean}
 */
function few(values) {
  return values.filter((value) => value !== null).length < FEW;
}

/**
 * Draw a vertical line.
 * @param {any} plot
 * @param {number | undefined} at
 */
function mark(plot, at) {
  if (at === undefined) return;
  const { ctx, bbox } = plot;
  const x = plot.valToPos(at, "x", true);
  ctx.save();
  ctx.strokeStyle = colour("--mark");
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/**
 * Return a table of the numbers, made when it is opened.
 * @param {Figure} figure
 * @param {boolean} open
 * @returns {HTMLElement}
 */
function numbers(figure, open) {
  const shown = figure.lines.filter((line) => !line.faint);
  const details = /** @type {HTMLDetailsElement} */ (
    h("details", { class: "numbers" }, h("summary", {}, "The numbers"))
  );
  const fill = () => {
    if (details.childElementCount > 1) return;
    const rows = figure.at.map((at, k) => [
      figure.labels ? figure.labels[k] : number(at),
      ...shown.map((line) => number(line.values[k])),
    ]);
    details.append(table([figure.x, ...shown.map((line) => line.label)], rows, figure.title));
  };
  details.addEventListener("toggle", fill);
  details.open = open;
  return details;
}

/**
 * @param {Figure} figure
 * @returns {string}
 */
function spoken(figure) {
  const ends = figure.lines
    .filter((line) => !line.faint)
    .map((line) => {
      const values = line.values.filter((value) => value !== null);
      return `${brief(line.label)} from ${number(values[0])} to ${number(values[values.length - 1])}`;
    });
  return `${figure.title}. Curves over ${brief(figure.x)}: ${ends.join("; ")}.`;
}
