// Layers that scale and shift entries: learned, fixed, or by the width.

/**
 * @param {import("../kinds.js").Call} c
 */
function shrink({ n, p, dy, dx, s }) {
  for (let k = 0; k < n * p; k++) dx[k] = s[k % p] * dy[k];
}

/** @type {import("../kinds.js").Kind} */
export const Scale = {
  settings: {},
  parameters: (_, p) => ({ s: [p] }),
  init(_, theta) {
    theta.s.fill(1);
  },
  formulas: {
    forward: ["y = s ⊙ x"],
    backwardX: ["∇_x ℓ = s ⊙ ∇_y ℓ"],
    backwardTheta: ["∇_s ℓ = x ⊙ ∇_y ℓ"],
  },
  forward({ n, p, x, y, s }) {
    for (let k = 0; k < n * p; k++) y[k] = s[k % p] * x[k];
  },
  backwardX: shrink,
  backwardTheta({ n, p, x, dy, ds }) {
    for (let k = 0; k < n * p; k++) ds[k % p] += dy[k] * x[k];
  },
};

/** @type {import("../kinds.js").Kind} */
export const Affine = {
  settings: {},
  parameters: (_, p) => ({ s: [p], b: [p] }),
  init(_, theta) {
    theta.s.fill(1);
    theta.b.fill(0);
  },
  formulas: {
    forward: ["y = s ⊙ x + b"],
    backwardX: ["∇_x ℓ = s ⊙ ∇_y ℓ"],
    backwardTheta: ["∇_s ℓ = x ⊙ ∇_y ℓ", "∇_b ℓ = ∇_y ℓ"],
  },
  forward({ n, p, x, y, s, b }) {
    for (let k = 0; k < n * p; k++) y[k] = s[k % p] * x[k] + b[k % p];
  },
  backwardX: shrink,
  backwardTheta({ n, p, x, dy, ds, db }) {
    for (let k = 0; k < n * p; k++) {
      ds[k % p] += dy[k] * x[k];
      db[k % p] += dy[k];
    }
  },
};

/** @type {import("../kinds.js").Kind} */
export const Standardise = {
  settings: {},
  state: (_, p) => ({ mean: new Float64Array(p), scale: new Float64Array(p).fill(1) }),
  formulas: {
    forward: ["y = (x − m) ⊙ s"],
    backwardX: ["∇_x ℓ = s ⊙ ∇_y ℓ"],
  },
  forward({ n, p, x, y, mean, scale }) {
    for (let k = 0; k < n * p; k++) y[k] = (x[k] - mean[k % p]) * scale[k % p];
  },
  backwardX({ n, p, dy, dx, scale }) {
    for (let k = 0; k < n * p; k++) dx[k] = scale[k % p] * dy[k];
  },
};

/** @type {import("../kinds.js").Kind} */
export const RootScale = {
  settings: {},
  formulas: {
    forward: ["y = \\frac{x}{\\sqrt{p}}"],
    backwardX: ["∇_x ℓ = \\frac{∇_y ℓ}{\\sqrt{p}}"],
  },
  forward({ n, p, x, y }) {
    for (let k = 0; k < n * p; k++) y[k] = x[k] / Math.sqrt(p);
  },
  backwardX({ n, p, dy, dx }) {
    for (let k = 0; k < n * p; k++) dx[k] = dy[k] / Math.sqrt(p);
  },
};

/** @type {import("../kinds.js").Kind} */
export const PReLU = {
  settings: { init_slope: 0.25 },
  parameters: (_, p) => ({ a: [p] }),
  init(_, theta, s) {
    theta.a.fill(s.init_slope);
  },
  formulas: {
    forward: ["y = x [x > 0] + a ⊙ x [x ≤ 0]"],
    backwardX: ["∇_x ℓ = ∇_y ℓ ⊙ ([x > 0] + a [x ≤ 0])"],
    backwardTheta: ["∇_a ℓ = ∇_y ℓ ⊙ x [x ≤ 0]"],
  },
  forward({ n, p, x, y, a }) {
    for (let k = 0; k < n * p; k++) y[k] = x[k] > 0 ? x[k] : a[k % p] * x[k];
  },
  backwardX({ n, p, x, dy, dx, a }) {
    for (let k = 0; k < n * p; k++) dx[k] = x[k] > 0 ? dy[k] : a[k % p] * dy[k];
  },
  backwardTheta({ n, p, x, dy, da }) {
    for (let k = 0; k < n * p; k++) if (!(x[k] > 0)) da[k % p] += dy[k] * x[k];
  },
};
