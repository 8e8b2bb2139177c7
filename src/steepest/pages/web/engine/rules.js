// Update rules: θ after a step along the gradient g.

/**
 * @typedef {{theta: Float64Array, g: Float64Array, t: number, [name: string]: any}} StepCall  t from 1
 *
 * @typedef {object} RuleKind
 * @property {Record<string, any>} settings
 * @property {string[]} slots  arrays like θ that it keeps
 * @property {(s: any) => string[]} formulas
 * @property {(c: StepCall) => void} step
 */

/** @type {RuleKind} */
const SGD = {
  settings: { lr: 0.01, momentum: 0, nesterov: false, dampening: 0 },
  slots: ["v"],
  formulas: (s) =>
    s.momentum
      ? ["v ← μ v − η ∇_θ ℓ", s.nesterov ? "θ ← θ + μ v − η ∇_θ ℓ" : "θ ← θ + v"]
      : ["θ ← θ − η ∇_θ ℓ"],
  step({ theta, g, v, t, lr, momentum, nesterov, dampening }) {
    const rate = t === 1 ? lr : (1 - dampening) * lr;
    for (let k = 0; k < theta.length; k++) {
      const push = rate * g[k];
      v[k] = momentum * v[k] - push;
      theta[k] += nesterov ? momentum * v[k] - push : v[k];
    }
  },
};

/** @type {RuleKind} */
const Adam = {
  settings: { lr: 0.001, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
  slots: ["m", "v"],
  formulas: () => [
    "m ← β_1 m + (1 − β_1) ∇_θ ℓ",
    "v ← β_2 v + (1 − β_2) (∇_θ ℓ)^2",
    "θ ← θ − η \\frac{m/(1 − β_1^t)}{\\sqrt{v/(1 − β_2^t)} + ε}",
  ],
  step({ theta, g, m, v, t, lr, beta1, beta2, eps }) {
    const [rest1, rest2] = [1 - beta1 ** t, 1 - beta2 ** t];
    for (let k = 0; k < theta.length; k++) {
      m[k] = beta1 * m[k] + (1 - beta1) * g[k];
      v[k] = beta2 * v[k] + (1 - beta2) * g[k] * g[k];
      theta[k] -= (lr * (m[k] / rest1)) / (Math.sqrt(v[k] / rest2) + eps);
    }
  },
};

/** @type {Record<string, RuleKind>} */
export const RULES = { SGD, Adam };
