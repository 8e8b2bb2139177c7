// Losses: ℓ of every row, and scale · ∇_z ℓ. Names, settings and formulas are those of Python.

import { sigmoid, softplus } from "./functions.js";
import { softmaxRow } from "./layers/softmax.js";

/**
 * z (n, q), y (n, k), or classes (n, 1) of a loss `ofClasses`; loss (n,), dz (n, q).
 * @typedef {{[name: string]: any, n: number, q: number, k: number, z: Float64Array, y: Float64Array, loss: Float64Array, dz: Float64Array, scale: number}} LossCall
 *
 * @typedef {object} LossKind
 * @property {Record<string, any>} settings
 * @property {"identity" | "sigmoid" | "softmax" | "exp" | "sign" | "every second"} link
 * @property {boolean} [ofClasses]
 * @property {[string, string]} formulas  of ℓ and ∇_z ℓ
 * @property {(c: LossCall) => void} gradient
 */

/**
 * Return a loss that is a sum over the outputs, each with a target.
 * @param {LossKind["link"]} link
 * @param {[string, string]} formulas
 * @param {(z: number, y: number, s: any) => number} value
 * @param {(z: number, y: number, s: any) => number} slope
 * @param {Record<string, any>} [settings]
 * @returns {LossKind}
 */
function byOutput(link, formulas, value, slope, settings = {}) {
  return {
    settings,
    link,
    formulas,
    gradient(c) {
      const { n, q, z, y, loss, dz, scale } = c;
      for (let i = 0; i < n; i++) {
        let total = 0;
        for (let k = i * q; k < (i + 1) * q; k++) {
          total += value(z[k], y[k], c);
          dz[k] = scale * slope(z[k], y[k], c);
        }
        loss[i] = total;
      }
    },
  };
}

/**
 * @param {number} y
 * @param {any} s
 * @returns {number}
 */
const smoothed = (y, s) => (1 - s.label_smoothing) * y + s.label_smoothing / 2;

const Squared = byOutput(
  "identity",
  ["ℓ = \\frac{1}{2} Σ (z − y)^2", "∇_z ℓ = z − y"],
  (z, y) => 0.5 * (z - y) ** 2,
  (z, y) => z - y,
);
const Absolute = byOutput(
  "identity",
  ["ℓ = Σ |z − y|", "∇_z ℓ = sign(z − y)"],
  (z, y) => Math.abs(z - y),
  (z, y) => Math.sign(z - y),
);
const Huber = byOutput(
  "identity",
  ["ℓ = Σ h(z − y), h(u) = u^2/2 or δ (|u| − δ/2)", "∇_z ℓ = min(max(z − y, −δ), δ)"],
  (z, y, s) => {
    const cut = Math.min(Math.abs(z - y), s.delta);
    return cut * (Math.abs(z - y) - cut / 2);
  },
  (z, y, s) => Math.min(Math.max(z - y, -s.delta), s.delta),
  { delta: 1 },
);
const Logistic = byOutput(
  "sigmoid",
  ["ℓ = Σ log(1 + e^z) − y z", "∇_z ℓ = \\frac{1}{1 + e^{−z}} − y"],
  (z, y, s) => softplus(z) - smoothed(y, s) * z,
  (z, y, s) => sigmoid(z) - smoothed(y, s),
  { label_smoothing: 0 },
);
const Hinge = byOutput(
  "sign",
  ["ℓ = Σ max(0, 1 − y z)", "∇_z ℓ = − y [y z < 1]"],
  (z, y) => Math.max(0, 1 - y * z),
  (z, y) => (1 - y * z > 0 ? -y : 0),
);
const Poisson = byOutput(
  "exp",
  ["ℓ = Σ e^z − y z", "∇_z ℓ = e^z − y"],
  (z, y) => Math.exp(z) - y * z,
  (z, y) => Math.exp(z) - y,
);

/** @type {LossKind} */
const SoftmaxCrossEntropy = {
  settings: { label_smoothing: 0 },
  link: "softmax",
  ofClasses: true,
  formulas: ["ℓ = log Σ e^z − z_y", "∇_z ℓ = \\frac{e^z}{Σ e^z} − [k = y]"],
  gradient({ n, q, k, z, y, loss, dz, scale, label_smoothing: even }) {
    for (let i = 0; i < n; i++) {
      const log = softmaxRow(z, dz, i * q, q);
      let aim = 0;
      for (let c = 0; c < q; c++) {
        const own = k === 1 ? Number(y[i] === c) : y[i * q + c];
        const t = (1 - even) * own + even / q;
        aim += t * z[i * q + c];
        dz[i * q + c] = scale * (dz[i * q + c] - t);
      }
      loss[i] = log - aim;
    }
  },
};

/** @type {LossKind} */
const KLDivergence = {
  settings: {},
  link: "softmax",
  formulas: ["ℓ = Σ y (log y − log softmax(z))", "∇_z ℓ = softmax(z) − y"],
  gradient({ n, q, z, y, loss, dz, scale }) {
    for (let i = 0; i < n; i++) {
      const log = softmaxRow(z, dz, i * q, q);
      let total = 0;
      for (let k = i * q; k < (i + 1) * q; k++) {
        total += y[k] * ((y[k] > 0 ? Math.log(y[k]) : 0) - z[k] + log);
        dz[k] = scale * (dz[k] - y[k]);
      }
      loss[i] = total;
    }
  },
};

/** @type {LossKind} */
const Quantile = {
  settings: { levels: [0.1, 0.5, 0.9] },
  link: "identity",
  formulas: ["ℓ = Σ max(l (y − z), (l − 1) (y − z))", "∇_z ℓ = [y < z] − l"],
  gradient({ n, k, z, y, loss, dz, scale, levels }) {
    const count = levels.length;
    for (let i = 0; i < n; i++) {
      let total = 0;
      for (let t = 0; t < k; t++) {
        for (let m = 0; m < count; m++) {
          const at = (i * k + t) * count + m;
          const u = y[i * k + t] - z[at];
          total += Math.max(levels[m] * u, (levels[m] - 1) * u);
          dz[at] = u === 0 ? 0 : scale * (Number(u < 0) - levels[m]);
        }
      }
      loss[i] = total;
    }
  },
};

/** @type {LossKind} */
const GaussianNLL = {
  settings: { full: false, eps: 1e-6 },
  link: "every second",
  formulas: [
    "ℓ = \\frac{1}{2} Σ log v + \\frac{(m − y)^2}{v}, v = e^s + ε",
    "∇_m ℓ = \\frac{m − y}{v}, ∇_s ℓ = \\frac{e^s}{2 v} (1 − \\frac{(m − y)^2}{v})",
  ],
  gradient({ n, k, z, y, loss, dz, scale, full, eps }) {
    for (let i = 0; i < n; i++) {
      let total = 0;
      for (let t = i * k; t < (i + 1) * k; t++) {
        const u = z[2 * t] - y[t];
        const v = Math.exp(z[2 * t + 1]) + eps;
        total += 0.5 * (Math.log(v) + (u * u) / v + (full ? Math.log(2 * Math.PI) : 0));
        dz[2 * t] = (scale * u) / v;
        dz[2 * t + 1] = ((0.5 * scale * Math.exp(z[2 * t + 1])) / v) * (1 - (u * u) / v);
      }
      loss[i] = total;
    }
  },
};

/** @type {Record<string, LossKind>} */
export const LOSSES = {
  Absolute,
  GaussianNLL,
  Hinge,
  Huber,
  KLDivergence,
  Logistic,
  Poisson,
  Quantile,
  SoftmaxCrossEntropy,
  Squared,
};
