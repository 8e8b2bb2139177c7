// Softmax of every row, and its logarithm.

/**
 * Write softmax(x) of one row.
 * @param {Float64Array} x
 * @param {Float64Array} y
 * @param {number} from
 * @param {number} q
 * @returns {number} log Σ exp(x)
 */
export function softmaxRow(x, y, from, q) {
  let top = x[from];
  for (let k = 1; k < q; k++) top = Math.max(top, x[from + k]);
  let total = 0;
  for (let k = 0; k < q; k++) total += y[from + k] = Math.exp(x[from + k] - top);
  for (let k = 0; k < q; k++) y[from + k] /= total;
  return top + Math.log(total);
}

/** @type {import("../kinds.js").Kind} */
export const Softmax = {
  settings: {},
  formulas: {
    forward: ["y = \\frac{e^x}{Σ e^x}"],
    backwardX: ["∇_x ℓ = y ⊙ (∇_y ℓ − y^⊤ ∇_y ℓ)"],
  },
  forward({ n, q, x, y }) {
    for (let i = 0; i < n; i++) softmaxRow(x, y, i * q, q);
  },
  backwardX({ n, q, y, dy, dx }) {
    for (let from = 0; from < n * q; from += q) {
      let along = 0;
      for (let k = from; k < from + q; k++) along += dy[k] * y[k];
      for (let k = from; k < from + q; k++) dx[k] = y[k] * (dy[k] - along);
    }
  },
};

/** @type {import("../kinds.js").Kind} */
export const LogSoftmax = {
  settings: {},
  formulas: {
    forward: ["y = x − log Σ e^x"],
    backwardX: ["∇_x ℓ = ∇_y ℓ − e^y Σ ∇_y ℓ"],
  },
  forward({ n, q, x, y }) {
    for (let from = 0; from < n * q; from += q) {
      const log = softmaxRow(x, y, from, q);
      for (let k = from; k < from + q; k++) y[k] = x[k] - log;
    }
  },
  backwardX({ n, q, y, dy, dx }) {
    for (let from = 0; from < n * q; from += q) {
      let total = 0;
      for (let k = from; k < from + q; k++) total += dy[k];
      for (let k = from; k < from + q; k++) dx[k] = dy[k] - Math.exp(y[k]) * total;
    }
  },
};
