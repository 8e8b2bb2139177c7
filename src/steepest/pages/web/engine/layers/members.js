// The layers of members that share layers: Adapters makes a row for each member of an example,
// Heads maps each row by itself, MemberMean makes one prediction of them.

import { softplus } from "../functions.js";
import { lastOf } from "../shapes.js";
import { drawWeights } from "./dense.js";
import { softmaxRow } from "./softmax.js";

/** @typedef {import("../kinds.js").Kind} Kind */
/** @typedef {import("../kinds.js").Call} Call */

/** @type {Kind} */
export const Adapters = {
  settings: { members: 16 },
  outputShape: (s, [p]) => [s.members, p],
  parameters: (s, p) => ({ R: [s.members, p] }),
  init(random, theta) {
    theta.R.forEach((_, k) => (theta.R[k] = random.uniform() < 0.5 ? -1 : 1));
  },
  formulas: {
    forward: ["y_k = R_k ⊙ x"],
    backwardX: ["∇_x ℓ = Σ_k R_k ⊙ ∇_{y_k} ℓ"],
    backwardTheta: ["∇_{R_k} ℓ = x ⊙ ∇_{y_k} ℓ"],
  },
  forward({ n, p, q, x, y, R }) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < q; k++) y[i * q + k] = R[k] * x[i * p + (k % p)];
    }
  },
  backwardX({ n, p, q, dy, dx, R }) {
    dx.fill(0, 0, n * p);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < q; k++) dx[i * p + (k % p)] += R[k] * dy[i * q + k];
    }
  },
  backwardTheta({ n, p, q, x, dy, dR }) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < q; k++) dR[k] += x[i * p + (k % p)] * dy[i * q + k];
    }
  },
};

/** @type {Kind} */
export const Heads = {
  settings: { units: 1, weights: "glorot_uniform" },
  outputShape: (s, [members]) => [members, s.units],
  parameters: (s, p, [members]) => ({ A: [members * s.units, p], b: [members, s.units] }),
  init(random, theta, s) {
    drawWeights(random, theta.A, s.units, theta.A.length / theta.b.length, s.weights);
    theta.b.fill(0);
  },
  formulas: {
    forward: ["y_k = A_k x_k + b_k"],
    backwardX: ["∇_{x_k} ℓ = A_k^⊤ ∇_{y_k} ℓ"],
    backwardTheta: ["∇_{A_k} ℓ = ∇_{y_k} ℓ x_k^⊤", "∇_{b_k} ℓ = ∇_{y_k} ℓ"],
  },
  forward({ n, q, x, y, A, b, shape, units }) {
    const p = lastOf(shape);
    for (let i = 0; i < n * q; i++) {
      const [unit, from] = [i % q, Math.floor(i / units) * p];
      let total = b[unit];
      for (let j = 0; j < p; j++) total += A[unit * p + j] * x[from + j];
      y[i] = total;
    }
  },
  backwardX({ n, p: all, q, dy, dx, A, shape, units }) {
    const p = lastOf(shape);
    dx.fill(0, 0, n * all);
    for (let i = 0; i < n * q; i++) {
      const [unit, from] = [i % q, Math.floor(i / units) * p];
      for (let j = 0; j < p; j++) dx[from + j] += dy[i] * A[unit * p + j];
    }
  },
  backwardTheta({ n, q, x, dy, dA, db, shape, units }) {
    const p = lastOf(shape);
    for (let i = 0; i < n * q; i++) {
      const [unit, from] = [i % q, Math.floor(i / units) * p];
      db[unit] += dy[i];
      for (let j = 0; j < p; j++) dA[unit * p + j] += dy[i] * x[from + j];
    }
  },
};

/**
 * How members' outputs become one, by what makes a prediction of them. Rows x (m, q) and y (q).
 * @typedef {object} Mean
 * @property {string[]} forward  formulas
 * @property {string[]} backwardX
 * @property {(c: Call, m: number, q: number, i: number) => void} mean
 * @property {(c: Call, m: number, q: number, i: number) => void} back
 */

/** @type {Record<string, Mean>} */
const MEANS = {
  identity: {
    forward: ["y = \\frac{1}{m} Σ_k x_k"],
    backwardX: ["∇_{x_k} ℓ = \\frac{1}{m} ∇_y ℓ"],
    mean({ x, y }, m, q, i) {
      y.fill(0, i * q, (i + 1) * q);
      for (let k = 0; k < m * q; k++) y[i * q + (k % q)] += x[i * m * q + k] / m;
    },
    back({ dy, dx }, m, q, i) {
      for (let k = 0; k < m * q; k++) dx[i * m * q + k] = dy[i * q + (k % q)] / m;
    },
  },
  sigmoid: {
    forward: ["y = log \\frac{s}{1 − s}, s = \\frac{1}{m} Σ_k \\frac{1}{1 + e^{−x_k}}"],
    backwardX: ["∇_{x_k} ℓ = \\frac{s_k (1 − s_k)}{m s (1 − s)} ⊙ ∇_y ℓ"],
    mean({ x, y }, m, q, i) {
      for (let j = 0; j < q; j++) {
        const own = Array.from({ length: m }, (_, k) => x[(i * m + k) * q + j]);
        y[i * q + j] = logSum(own.map((v) => -softplus(-v))) - logSum(own.map((v) => -softplus(v)));
      }
    },
    back({ x, y, dy, dx }, m, q, i) {
      for (let k = 0; k < m * q; k++) {
        const [v, z] = [x[i * m * q + k], y[i * q + (k % q)]];
        const slope = Math.exp(softplus(z) + softplus(-z) - softplus(v) - softplus(-v));
        dx[i * m * q + k] = (dy[i * q + (k % q)] * slope) / m;
      }
    },
  },
  softmax: {
    forward: ["y = log \\frac{1}{m} Σ_k softmax(x_k)"],
    backwardX: [
      "∇_{x_k} ℓ = s_k ⊙ ∇_y ℓ − softmax(x_k) Σ s_k ⊙ ∇_y ℓ, s_k = \\frac{softmax(x_k)}{m e^y}",
    ],
    mean({ x, y, share, log }, m, q, i) {
      for (let k = 0; k < m; k++) log[i * m + k] = softmaxRow(x, share, (i * m + k) * q, q);
      for (let j = 0; j < q; j++) {
        const logs = Array.from({ length: m }, (_, k) => x[(i * m + k) * q + j] - log[i * m + k]);
        y[i * q + j] = logSum(logs) - Math.log(m);
      }
    },
    back({ x, y, dy, dx, share, log }, m, q, i) {
      for (let k = 0; k < m; k++) {
        const from = (i * m + k) * q;
        let total = 0;
        for (let j = 0; j < q; j++) {
          const part = Math.exp(x[from + j] - log[i * m + k] - y[i * q + j]) / m;
          dx[from + j] = part * dy[i * q + j];
          total += dx[from + j];
        }
        for (let j = 0; j < q; j++) dx[from + j] -= share[from + j] * total;
      }
    },
  },
};

/**
 * Return log Σ exp(values).
 * @param {number[]} values
 * @returns {number}
 */
function logSum(values) {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((total, value) => total + Math.exp(value - top), 0));
}

/** @type {Kind} */
export const MemberMean = {
  settings: { of: "identity" },
  outputShape: (_, [, q]) => [q],
  lower(low, s, x, path) {
    // In a training each member has a loss of its own.
    if (low.members === path) return [x, (dy, wantsDx) => (wantsDx ? dy : null)];
    const [m, q] = x.shape;
    const { forward, backwardX, mean, back } = MEANS[s.of];
    const kind = { ...MemberMean, name: "MemberMean", formulas: { forward, backwardX } };
    const y = low.array(path, "y", [q]);
    const call = { ...s, x, y, p: x.width, q };
    if (s.of === "softmax") {
      call.share = low.array(path, "share", x.shape);
      call.log = low.array(path, "log", [m]);
    }
    low.emit("forward", path, kind, call, ["x"], ["y"], (c) => {
      for (let i = 0; i < c.n; i++) mean(c, m, q, i);
    });
    return [
      y,
      (dy, wantsDx) => {
        if (!wantsDx) return null;
        const dx = low.array(path, "dx", x.shape);
        low.emit("backwardX", path, kind, { ...call, dy, dx }, ["x", "dy"], ["dx"], (c) => {
          for (let i = 0; i < c.n; i++) back(c, m, q, i);
        });
        return dx;
      },
    ];
  },
};
