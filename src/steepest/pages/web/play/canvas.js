// What drawings on a canvas share: sharp pixels, colours of the styles, axes.

import { colour } from "../dom.js";
import { clipped, tick } from "../format.js";

const MUCH = 1e4;
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact" });

/** @typedef {[number, number, number]} Rgb */

/**
 * Return a colour of the styles as numbers.
 * @param {string} name
 * @returns {Rgb}
 */
export function rgb(name) {
  const hex = colour(name).replace("#", "");
  return /** @type {Rgb} */ ([0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));
}

/**
 * Return colours mixed, `share` of the second.
 * @param {Rgb} first
 * @param {Rgb} second
 * @param {number} share
 * @returns {Rgb}
 */
export function mixed(first, second, share) {
  return /** @type {Rgb} */ (first.map((value, k) => value + share * (second[k] - value)));
}

/** A plane with two axes on a canvas: from numbers to pixels and back. */
export class Plane {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} ratio  height over width
   * @param {boolean} [words]  whether words stand at the axis that goes up
   */
  constructor(canvas, ratio, words = false) {
    const width = Math.max(160, canvas.parentElement?.clientWidth ?? 320);
    const height = Math.round(width * ratio);
    const dots = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
      canvas.width = Math.round(width * dots);
      canvas.height = Math.round(height * dots);
      canvas.style.height = `${height}px`;
    }
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.context.setTransform(dots, 0, 0, dots, 0, 0);
    this.context.clearRect(0, 0, width, height);
    this.left = words ? 76 : 50;
    this.top = 8;
    this.wide = width - this.left - 10;
    this.tall = height - this.top - 40;
    /** @type {[number, number]} */
    this.x = [0, 1];
    /** @type {[number, number]} */
    this.y = [0, 1];
  }

  /**
   * @param {number} value
   * @returns {number}
   */
  across(value) {
    return this.left + (this.wide * (value - this.x[0])) / (this.x[1] - this.x[0]);
  }

  /**
   * @param {number} value
   * @returns {number}
   */
  down(value) {
    return this.top + (this.tall * (this.y[1] - value)) / (this.y[1] - this.y[0]);
  }

  /** Keep what is drawn within the axes until `free`. */
  clip() {
    this.context.save();
    this.context.beginPath();
    this.context.rect(this.left, this.top, this.wide, this.tall);
    this.context.clip();
  }

  free() {
    this.context.restore();
  }

  /**
   * Draw a picture of pixels, the first row at the top, over the whole plane.
   * @param {ImageData} image
   */
  fill(image) {
    const small = document.createElement("canvas");
    small.width = image.width;
    small.height = image.height;
    small.getContext("2d")?.putImageData(image, 0, 0);
    this.context.imageSmoothingEnabled = true;
    this.context.drawImage(small, this.left, this.top, this.wide, this.tall);
  }

  /**
   * Draw a line through points.
   * @param {[number, number][]} points
   * @param {string} name  of a colour
   * @param {number} [width]
   */
  line(points, name, width = 2) {
    const c = this.context;
    c.strokeStyle = colour(name);
    c.lineWidth = width;
    c.lineJoin = "round";
    c.beginPath();
    points.forEach(([x, y], k) => c[k ? "lineTo" : "moveTo"](this.across(x), this.down(y)));
    c.stroke();
  }

  /**
   * Draw a dot, or a ring.
   * @param {number} x
   * @param {number} y
   * @param {string} name  of a colour
   * @param {number} radius
   * @param {boolean} [ring]
   */
  dot(x, y, name, radius, ring = false) {
    const c = this.context;
    c.beginPath();
    c.arc(this.across(x), this.down(y), radius, 0, 2 * Math.PI);
    c.lineWidth = ring ? 2 : 1;
    c.strokeStyle = colour(ring ? name : "--paper");
    if (ring) c.fillStyle = colour("--paper");
    else c.fillStyle = colour(name);
    c.fill();
    c.stroke();
  }

  /**
   * Draw the frame, ticks and labels.
   * @param {string} xLabel
   * @param {string} yLabel
   * @param {{x?: string[], y?: string[]}} [words]  of axes that are no numbers, in equal parts
   */
  axes(xLabel, yLabel, words = {}) {
    const c = this.context;
    c.strokeStyle = colour("--mark");
    c.lineWidth = 1;
    c.strokeRect(this.left, this.top, this.wide, this.tall);
    c.fillStyle = colour("--ink-soft");
    c.font = "12px system-ui, sans-serif";
    c.textAlign = "center";
    for (const [at, text] of ticks(this.x, words.x, this.wide / 64)) {
      c.fillText(text, this.across(at), this.top + this.tall + 15);
    }
    c.fillText(short(xLabel, this.wide / 7), this.left + this.wide / 2, this.top + this.tall + 32);
    c.textAlign = "right";
    for (const [at, text] of ticks(this.y, words.y, this.tall / 40)) {
      c.fillText(text, this.left - 5, this.down(at) + 4);
    }
    c.save();
    c.translate(12, this.top + this.tall / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = "center";
    c.fillText(short(yLabel, this.tall / 7), 0, 0);
    c.restore();
  }
}

/**
 * Return where ticks stand, and what is written at them.
 * @param {[number, number]} range
 * @param {string[] | undefined} words
 * @param {number} most
 * @returns {[number, string][]}
 */
function ticks([low, high], words, most) {
  if (words) {
    const every = Math.ceil(words.length / Math.max(1, most));
    const width = (high - low) / words.length;
    return words
      .map((text, k) => /** @type {[number, string]} */ ([low + (k + 0.5) * width, short(text, 7)]))
      .filter((_, k) => k % every === 0);
  }
  const rough = (high - low) / Math.max(1, Math.min(6, most));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((k) => k * power >= rough) ?? 10);
  /** @type {[number, string][]} */
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) {
    const at = Number((k * step).toPrecision(12));
    found.push([k * step, Math.abs(at) < MUCH ? tick(at, step) : COMPACT.format(at)]);
  }
  return found;
}

/**
 * @param {string} text
 * @param {number} most
 * @returns {string}
 */
function short(text, most) {
  return clipped(text, Math.max(3, Math.floor(most)));
}
