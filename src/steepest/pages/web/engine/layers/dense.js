// Dense: y = A x + b. A is (q, p), row after row.

const WEIGHTS = {
  /** @type {(q: number, p: number) => number} */
  glorot: (q, p) => 2 / (p + q),
  /** @type {(q: number, p: number) => number} */
  he: (_, p) => 2 / p,
  /** @type {(q: number, p: number) => number} */
  lecun: (_, p) => 1 / p,
};

/** @type {import("../kinds.js").Kind} */
export const Dense = {
  settings: { units: 8, weights: "glorot_uniform", bias: true },
  outputs: (s) => s.units,
  parameters: (s, p) => ({ A: [s.units, p], ...(s.bias ? { b: [s.units] } : {}) }),
  init(random, theta, s) {
    const [q, p] = [s.units, theta.A.length / s.units];
    const [name, shape] = s.weights.split("_");
    const variance = WEIGHTS[/** @type {keyof typeof WEIGHTS} */ (name)]?.(q, p) ?? 1;
    const bound = Math.sqrt(3 * variance);
    const draw = () =>
      shape === "uniform"
        ? bound * (2 * random.uniform() - 1)
        : Math.sqrt(variance) * random.normal();
    theta.A.forEach((_, k) => (theta.A[k] = draw()));
    theta.b?.fill(0);
  },
  formulas: {
    forward: ["y = A x + b"],
    backwardX: ["∇_x ℓ = A^⊤ ∇_y ℓ"],
    backwardTheta: ["∇_A ℓ = ∇_y ℓ x^⊤", "∇_b ℓ = ∇_y ℓ"],
  },
  forward({ n, p, q, x, y, A, b }) {
    for (let i = 0; i < n; i++) {
      const from = i * p;
      let j = 0;
      for (; j + 3 < q; j += 4) {
        const [r0, r1, r2, r3] = [j * p, (j + 1) * p, (j + 2) * p, (j + 3) * p];
        let [t0, t1, t2, t3] = [0, 0, 0, 0];
        for (let k = 0; k < p; k++) {
          const v = x[from + k];
          t0 += A[r0 + k] * v;
          t1 += A[r1 + k] * v;
          t2 += A[r2 + k] * v;
          t3 += A[r3 + k] * v;
        }
        const to = i * q + j;
        y[to] = t0;
        y[to + 1] = t1;
        y[to + 2] = t2;
        y[to + 3] = t3;
      }
      for (; j < q; j++) {
        let total = 0;
        for (let k = 0; k < p; k++) total += A[j * p + k] * x[from + k];
        y[i * q + j] = total;
      }
      if (b) for (j = 0; j < q; j++) y[i * q + j] += b[j];
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
