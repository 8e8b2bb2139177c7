// LayerNorm and RMSNorm: every row to mean 0 and variance 1, or to a mean square of 1.

/** @type {import("../kinds.js").Kind} */
export const LayerNorm = {
  settings: { eps: 1e-5 },
  parameters: (_, p) => ({ gamma: [p], beta: [p] }),
  memory: () => ({ mean: 1, inverse: 1 }),
  init(_, theta) {
    theta.gamma.fill(1);
    theta.beta.fill(0);
  },
  formulas: {
    forward: ["y = γ ⊙ u + β, u = \\frac{x − m}{\\sqrt{v + ε}}"],
    backwardX: [
      "∇_x ℓ = \\frac{1}{\\sqrt{v + ε}} (d − \\frac{1}{p} Σ d − u ⊙ \\frac{1}{p} Σ d ⊙ u), d = γ ⊙ ∇_y ℓ",
    ],
    backwardTheta: ["∇_γ ℓ = ∇_y ℓ ⊙ u", "∇_β ℓ = ∇_y ℓ"],
  },
  forward({ n, p, x, y, gamma, beta, mean, inverse, eps }) {
    for (let i = 0; i < n; i++) {
      const from = i * p;
      let total = 0;
      for (let j = 0; j < p; j++) total += x[from + j];
      const middle = total / p;
      let squares = 0;
      for (let j = 0; j < p; j++) squares += (x[from + j] - middle) ** 2;
      const factor = 1 / Math.sqrt(squares / p + eps);
      for (let j = 0; j < p; j++) {
        y[from + j] = gamma[j] * ((x[from + j] - middle) * factor) + beta[j];
      }
      mean[i] = middle;
      inverse[i] = factor;
    }
  },
  backwardX({ n, p, x, dy, dx, gamma, mean, inverse }) {
    for (let i = 0; i < n; i++) {
      const from = i * p;
      let along1 = 0;
      let alongU = 0;
      for (let j = 0; j < p; j++) {
        const d = gamma[j] * dy[from + j];
        along1 += d;
        alongU += d * (x[from + j] - mean[i]) * inverse[i];
      }
      for (let j = 0; j < p; j++) {
        const u = (x[from + j] - mean[i]) * inverse[i];
        const d = gamma[j] * dy[from + j];
        dx[from + j] = inverse[i] * (d - along1 / p - (u * alongU) / p);
      }
    }
  },
  backwardTheta({ n, p, x, dy, dgamma, dbeta, mean, inverse }) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < p; j++) {
        const d = dy[i * p + j];
        dgamma[j] += d * (x[i * p + j] - mean[i]) * inverse[i];
        dbeta[j] += d;
      }
    }
  },
};

/** @type {import("../kinds.js").Kind} */
export const RMSNorm = {
  settings: { eps: 1e-5 },
  parameters: (_, p) => ({ gamma: [p] }),
  memory: () => ({ inverse: 1 }),
  init(_, theta) {
    theta.gamma.fill(1);
  },
  formulas: {
    forward: ["y = γ ⊙ u, u = \\frac{x}{\\sqrt{s + ε}}, s = \\frac{1}{p} Σ x^2"],
    backwardX: ["∇_x ℓ = \\frac{1}{\\sqrt{s + ε}} (d − u ⊙ \\frac{1}{p} Σ d ⊙ u), d = γ ⊙ ∇_y ℓ"],
    backwardTheta: ["∇_γ ℓ = ∇_y ℓ ⊙ u"],
  },
  forward({ n, p, x, y, gamma, inverse, eps }) {
    for (let i = 0; i < n; i++) {
      let squares = 0;
      for (let j = 0; j < p; j++) squares += x[i * p + j] ** 2;
      inverse[i] = 1 / Math.sqrt(squares / p + eps);
      for (let j = 0; j < p; j++) y[i * p + j] = gamma[j] * x[i * p + j] * inverse[i];
    }
  },
  backwardX({ n, p, x, dy, dx, gamma, inverse }) {
    for (let i = 0; i < n; i++) {
      let along = 0;
      for (let j = 0; j < p; j++) along += gamma[j] * dy[i * p + j] * x[i * p + j] * inverse[i];
      for (let j = 0; j < p; j++) {
        const u = x[i * p + j] * inverse[i];
        dx[i * p + j] = inverse[i] * (gamma[j] * dy[i * p + j] - (u * along) / p);
      }
    }
  },
  backwardTheta({ n, p, x, dy, dgamma, inverse }) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < p; j++) dgamma[j] += dy[i * p + j] * x[i * p + j] * inverse[i];
    }
  },
};
