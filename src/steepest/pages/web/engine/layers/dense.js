// Dense: y = A x + b. A is (q, p), row after row.

const WEIGHTS = {
  /** @type {(q: number, p: number) => number} */
  glorot: (q, p) => 2 / (p + q),
  /** @type {(q: number, p: number) => number} */
  he: (_, p) => 2 / p,
  /** @type {(q: number, p: number) => number} */
  lecun: (_, p) => 1 / p,
};

/**
 * Write A x of two rows, four units at a time: eight sums stay in registers.
 * @param {Float64Array} x
 * @param {Float64Array} y
 * @param {Float64Array} A
 * @param {number} i  the first row
 * @param {number} p
 * @param {number} q
 */
function tiles(x, y, A, i, p, q) {
  const [first, second] = [i * p, (i + 1) * p];
  for (let j = 0; j + 3 < q; j += 4) {
    const r0 = j * p;
    const r1 = r0 + p;
    const r2 = r1 + p;
    const r3 = r2 + p;
    let [t0, t1, t2, t3, u0, u1, u2, u3] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let k = 0; k < p; k++) {
      const [v, w] = [x[first + k], x[second + k]];
      const [a0, a1, a2, a3] = [A[r0 + k], A[r1 + k], A[r2 + k], A[r3 + k]];
      t0 += a0 * v;
      t1 += a1 * v;
      t2 += a2 * v;
      t3 += a3 * v;
      u0 += a0 * w;
      u1 += a1 * w;
      u2 += a2 * w;
      u3 += a3 * w;
    }
    const [to, under] = [i * q + j, (i + 1) * q + j];
    y[to] = t0;
    y[to + 1] = t1;
    y[to + 2] = t2;
    y[to + 3] = t3;
    y[under] = u0;
    y[under + 1] = u1;
    y[under + 2] = u2;
    y[under + 3] = u3;
  }
}

/**
 * Draw a matrix of weights.
 * @param {import("../random.js").Random} random
 * @param {Float64Array} A
 * @param {number} q
 * @param {number} p
 * @param {string} weights  as settings name it
 */
export function drawWeights(random, A, q, p, weights) {
  const [name, shape] = weights.split("_");
  const variance = WEIGHTS[/** @type {keyof typeof WEIGHTS} */ (name)]?.(q, p) ?? 1;
  const bound = Math.sqrt(3 * variance);
  const draw = () =>
    shape === "uniform"
      ? bound * (2 * random.uniform() - 1)
      : Math.sqrt(variance) * random.normal();
  A.forEach((_, k) => (A[k] = draw()));
}

/** @type {import("../kinds.js").Kind} */
export const Dense = {
  settings: { units: 8, weights: "glorot_uniform", bias: true },
  outputs: (s) => s.units,
  parameters: (s, p) => ({ A: [s.units, p], ...(s.bias ? { b: [s.units] } : {}) }),
  init(random, theta, s) {
    drawWeights(random, theta.A, s.units, theta.A.length / s.units, s.weights);
    theta.b?.fill(0);
  },
  formulas: {
    forward: ["y = A x + b"],
    backwardX: ["∇_x ℓ = A^⊤ ∇_y ℓ"],
    backwardTheta: ["∇_A ℓ = ∇_y ℓ x^⊤", "∇_b ℓ = ∇_y ℓ"],
  },
  forward({ n, p, q, x, y, A, b }) {
    const [rows, units] = [n & ~1, q & ~3];
    for (let i = 0; i < rows; i += 2) tiles(x, y, A, i, p, q);
    for (let i = 0; i < n; i++) {
      for (let j = i < rows ? units : 0; j < q; j++) {
        let total = 0;
        for (let k = 0; k < p; k++) total += A[j * p + k] * x[i * p + k];
        y[i * q + j] = total;
      }
      if (b) for (let j = 0; j < q; j++) y[i * q + j] += b[j];
    }
  },
  backwardX({ n, p, q, dy, dx, A }) {
    dx.fill(0, 0, n * p);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < q; j++) {
        const d = dy[i * q + j];
        if (d !== 0) for (let k = 0; k < p; k++) dx[i * p + k] += A[j * p + k] * d;
      }
    }
  },
  backwardTheta({ n, p, q, x, dy, dA, db }) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < q; j++) {
        const d = dy[i * q + j];
        if (d !== 0) for (let k = 0; k < p; k++) dA[j * p + k] += d * x[i * p + k];
        if (db) db[j] += d;
      }
    }
  },
};
