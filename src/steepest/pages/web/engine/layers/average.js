// Average: y = the mean of the k parts that x is made of, side by side.

/** @type {import("../kinds.js").Kind} */
export const Average = {
  settings: { parts: 1 },
  outputs: (s, p) => p / s.parts,
  formulas: {
    forward: ["y = \\frac{1}{k} Σ x_k"],
    backwardX: ["∇_{x_k} ℓ = \\frac{1}{k} ∇_y ℓ"],
  },
  forward({ n, p, q, x, y, parts }) {
    y.fill(0, 0, n * q);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < p; k++) y[i * q + (k % q)] += x[i * p + k] / parts;
    }
  },
  backwardX({ n, p, q, dy, dx, parts }) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < p; k++) dx[i * p + k] = dy[i * q + (k % q)] / parts;
    }
  },
};
