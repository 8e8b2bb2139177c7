// EmbeddingBag: y = Σ_t w_t E[x_t], or the mean, of a list x of codes, perhaps with weights behind
// them. A code `padding` fills up lists, and counts for nothing.

/** @typedef {import("../kinds.js").Call} Call */

/**
 * Call a function with each code of a list, its share of the sum or the mean, and the place of its
 * weight.
 * @param {Call} c
 * @param {number} i
 * @param {(code: number, share: number, place: number) => void} see
 */
function eachCode({ x, p, codes, mode, weighted, padding }, i, see) {
  const from = i * p;
  const count = weighted ? p / 2 : p;
  let total = 0;
  for (let t = from; t < from + count; t++) if (x[t] !== padding) total++;
  const share = mode === "mean" && total > 0 ? 1 / total : 1;
  for (let t = from; t < from + count; t++) {
    const code = x[t] >= 0 && x[t] < codes ? Math.trunc(x[t]) : 0; // stays inside E
    if (code !== padding) see(code, weighted ? x[t + count] : share, t + count);
  }
}

/** @type {import("../kinds.js").Kind} */
export const EmbeddingBag = {
  settings: {
    codes: 1,
    dim: 4,
    mode: "mean",
    std: 1,
    lazy: false,
    padding: null,
    weighted: false,
  },
  outputs: (s) => s.dim,
  parameters: (s) => ({ E: [s.codes, s.dim] }),
  init(random, theta, s) {
    theta.E.forEach((_, k) => (theta.E[k] = s.std * random.normal()));
    if (s.padding !== null) theta.E.fill(0, s.padding * s.dim, (s.padding + 1) * s.dim);
  },
  formulas: {
    forward: ["y = Σ_t w_t E_{x_t}"],
    backwardX: ["∇_x ℓ = 0", "∇_{w_t} ℓ = E_{x_t}^⊤ ∇_y ℓ"],
    backwardTheta: ["∇_{E_{x_t}} ℓ = w_t ∇_y ℓ"],
  },
  forward(c) {
    const { n, q, y, E } = c;
    y.fill(0, 0, n * q);
    for (let i = 0; i < n; i++) {
      eachCode(c, i, (code, share) => {
        for (let d = 0; d < q; d++) y[i * q + d] += share * E[code * q + d];
      });
    }
  },
  backwardX(c) {
    const { n, p, q, dy, dx, E, weighted } = c;
    dx.fill(0, 0, n * p);
    for (let i = 0; weighted && i < n; i++) {
      eachCode(c, i, (code, _, place) => {
        for (let d = 0; d < q; d++) dx[place] += E[code * q + d] * dy[i * q + d];
      });
    }
  },
  backwardTheta(c) {
    const { n, q, dy, dE } = c;
    for (let i = 0; i < n; i++) {
      eachCode(c, i, (code, share) => {
        for (let d = 0; d < q; d++) dE[code * q + d] += share * dy[i * q + d];
      });
    }
  },
};
