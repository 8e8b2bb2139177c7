// Embedding: the row of a table E (codes, dim) in place of each code.

/** @type {import("../kinds.js").Kind} */
export const Embedding = {
  settings: { codes: 1, dim: 4, std: 1, lazy: false },
  outputs: (s, p) => p * s.dim,
  parameters: (s) => ({ E: [s.codes, s.dim] }),
  init(random, theta, s) {
    theta.E.forEach((_, k) => (theta.E[k] = s.std * random.normal()));
  },
  formulas: {
    forward: ["y_j = E_{x_j}"],
    backwardX: ["∇_x ℓ = 0"],
    backwardTheta: ["∇_{E_{x_j}} ℓ = ∇_{y_j} ℓ"],
  },
  forward({ n, p, x, y, E, dim }) {
    for (let k = 0; k < n * p; k++) {
      for (let d = 0; d < dim; d++) y[k * dim + d] = E[x[k] * dim + d];
    }
  },
  backwardX({ n, p, dx }) {
    dx.fill(0, 0, n * p);
  },
  backwardTheta({ n, p, x, dy, dE, dim }) {
    for (let k = 0; k < n * p; k++) {
      for (let d = 0; d < dim; d++) dE[x[k] * dim + d] += dy[k * dim + d];
    }
  },
};
