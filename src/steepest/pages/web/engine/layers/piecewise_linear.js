// PiecewiseLinear: each input as itself and as m functions of it that bend at the edges of T bins.

const [FROM, TO] = [-2, 2];

/** @type {import("../kinds.js").Kind} */
export const PiecewiseLinear = {
  settings: { bins: 32, dim: 8 },
  outputs: (s, p) => p * s.dim,
  parameters: (s, p) => ({ W: [p * (s.dim - 1), s.bins], c: [p, s.dim - 1] }),
  state(s, p) {
    const width = (TO - FROM) / s.bins;
    const left = Float64Array.from({ length: p * s.bins }, (_, k) => FROM + width * (k % s.bins));
    return { left, scale: new Float64Array(p * s.bins).fill(1 / width) };
  },
  memory: (s, p) => ({ e: p * s.bins }),
  init(random, theta, s) {
    const bound = 1 / Math.sqrt(s.bins);
    for (const values of [theta.W, theta.c]) {
      values.forEach((_, k) => (values[k] = bound * (2 * random.uniform() - 1)));
    }
  },
  formulas: {
    forward: ["y_j = (x_j, W_j e_j + c_j), e_j = min(max(\\frac{x_j − l_j}{w_j}, 0), 1)"],
    backwardX: ["∇_{x_j} ℓ = ∇_{y_{j0}} ℓ + Σ \\frac{[0 < e_j < 1]}{w_j} ⊙ W_j^⊤ ∇_{y_j} ℓ"],
    backwardTheta: ["∇_{W_j} ℓ = ∇_{y_j} ℓ e_j^⊤", "∇_{c_j} ℓ = ∇_{y_j} ℓ"],
  },
  forward({ n, p, x, y, left, scale, W, c, e, bins: T, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      for (let t = 0; t < T; t++) {
        const u = scale[j * T + t] * (x[i] - left[j * T + t]);
        e[i * T + t] = Math.min(1, Math.max(0, u));
      }
      y[i * dim] = x[i];
      for (let o = 0; o < m; o++) {
        let total = c[j * m + o];
        for (let t = 0; t < T; t++) total += W[(j * m + o) * T + t] * e[i * T + t];
        y[i * dim + 1 + o] = total;
      }
    }
  },
  backwardX({ n, p, dy, dx, scale, W, e, bins: T, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      let total = dy[i * dim];
      for (let t = 0; t < T; t++) {
        const u = e[i * T + t];
        if (!(u > 0 && u < 1)) continue;
        for (let o = 0; o < m; o++) {
          total += dy[i * dim + 1 + o] * W[(j * m + o) * T + t] * scale[j * T + t];
        }
      }
      dx[i] = total;
    }
  },
  backwardTheta({ n, p, dy, e, dW, dc, bins: T, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      for (let o = 0; o < m; o++) {
        const d = dy[i * dim + 1 + o];
        dc[j * m + o] += d;
        for (let t = 0; t < T; t++) dW[(j * m + o) * T + t] += d * e[i * T + t];
      }
    }
  },
};
