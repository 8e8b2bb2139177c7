// Activations: y = σ(x), entry by entry.

import { normalBelow, sigmoid, softplus } from "../functions.js";

/**
 * Return an activation.
 * @param {string} formula  of σ(x)
 * @param {string} slope  the formula of σ′(x)
 * @param {(x: number, s: any) => number} f
 * @param {(x: number, s: any) => number} df
 * @param {Record<string, any>} [settings]
 * @returns {import("../kinds.js").Kind}
 */
function activation(formula, slope, f, df, settings = {}) {
  return {
    settings,
    formulas: { forward: [`y = ${formula}`], backwardX: [`∇_x ℓ = ∇_y ℓ ⊙ ${slope}`] },
    slope: df,
    forward(c) {
      for (let k = 0; k < c.n * c.q; k++) c.y[k] = f(c.x[k], c);
    },
    backwardX(c) {
      for (let k = 0; k < c.n * c.q; k++) c.dx[k] = c.dy[k] * df(c.x[k], c);
    },
  };
}

const SCALE = 1.0507009873554805;
const BEND = 1.6732632423543772;
const SLOPE = Math.sqrt(2 / Math.PI);
const CUBE = 0.044715;

export const ReLU = activation(
  "max(x, 0)",
  "[x > 0]",
  (x) => (x < 0 ? 0 : x),
  (x) => (x > 0 ? 1 : 0),
);
export const LeakyReLU = activation(
  "x [x > 0] + s x [x ≤ 0]",
  "([x > 0] + s [x ≤ 0])",
  (x, s) => (x > 0 ? x : s.slope * x),
  (x, s) => (x > 0 ? 1 : s.slope),
  { slope: 0.01 },
);
export const Tanh = activation("tanh(x)", "(1 − y^2)", Math.tanh, (x) => {
  const t = Math.tanh(x);
  return (1 - t) * (1 + t);
});
export const Sigmoid = activation("\\frac{1}{1 + e^{−x}}", "y ⊙ (1 − y)", sigmoid, (x) => {
  const s = sigmoid(x);
  return s * (1 - s);
});
export const Softplus = activation(
  "log(1 + e^x)",
  "\\frac{1}{1 + e^{−x}}",
  (x) => softplus(x),
  (x) => sigmoid(x),
);
export const SiLU = activation(
  "x ⊙ s, s = \\frac{1}{1 + e^{−x}}",
  "s ⊙ (1 + x ⊙ (1 − s))",
  (x) => x * sigmoid(x),
  (x) => {
    const s = sigmoid(x);
    return s * (1 + x * (1 - s));
  },
);
export const Mish = activation(
  "x ⊙ t, t = tanh(log(1 + e^x))",
  "(t + x ⊙ (1 − t^2) ⊙ \\frac{1}{1 + e^{−x}})",
  (x) => x * Math.tanh(softplus(x)),
  (x) => {
    const t = Math.tanh(softplus(x));
    return t + x * (1 - t) * (1 + t) * sigmoid(x);
  },
);
export const ELU = activation(
  "x [x > 0] + s (e^x − 1) [x ≤ 0]",
  "([x > 0] + s e^x [x ≤ 0])",
  (x, s) => (x > 0 ? x : s.scale * Math.expm1(x)),
  (x, s) => (x > 0 ? 1 : s.scale * Math.exp(x)),
  { scale: 1 },
);
export const SELU = activation(
  "1.0507 x [x > 0] + 1.7581 (e^x − 1) [x ≤ 0]",
  "(1.0507 [x > 0] + 1.7581 e^x [x ≤ 0])",
  (x) => (x > 0 ? SCALE * x : SCALE * BEND * Math.expm1(x)),
  (x) => (x > 0 ? SCALE : SCALE * BEND * Math.exp(x)),
);
export const GELU = activation(
  "x ⊙ P(Z ≤ x)",
  "(P(Z ≤ x) + x ⊙ \\frac{e^{−x^2/2}}{\\sqrt{2 π}})",
  (x, s) => (s.approximate === "tanh" ? x * sigmoid(bent(x)) : x * normalBelow(x)),
  (x, s) => {
    if (s.approximate === "tanh") {
      const p = sigmoid(bent(x));
      return p + x * p * (1 - p) * 2 * SLOPE * (1 + 3 * CUBE * x * x);
    }
    return normalBelow(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
  },
  { approximate: "none" },
);
export const Hardtanh = activation(
  "min(max(x, l), h)",
  "[l < x < h]",
  (x, s) => Math.min(Math.max(x, s.low), s.high),
  (x, s) => (x > s.low && x < s.high ? 1 : 0),
  { low: -1, high: 1 },
);
export const Hardsigmoid = activation(
  "min(max(s x + ½, 0), 1)",
  "s [0 < s x + ½ < 1]",
  (x, s) => Math.min(Math.max(s.slope * x + 0.5, 0), 1),
  (x, s) => {
    const v = s.slope * x + 0.5;
    return v > 0 && v < 1 ? s.slope : 0;
  },
  { slope: 1 / 6 },
);
export const Hardswish = activation(
  "x ⊙ min(max(x/6 + ½, 0), 1)",
  "(\\frac{x}{3} + ½) [−3 < x < 3] + ∇_y ℓ ⊙ [x ≥ 3]",
  (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  (x) => (x >= 3 ? 1 : x <= -3 ? 0 : x / 3 + 0.5),
);

/**
 * @param {number} x
 * @returns {number}
 */
function bent(x) {
  return 2 * SLOPE * (x + CUBE * x * x * x);
}
