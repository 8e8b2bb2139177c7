// Periodic: each input as itself and as m mixtures of K learned waves.

const TURN = 2 * Math.PI;

/** @type {import("../kinds.js").Kind} */
export const Periodic = {
  settings: { frequencies: 16, dim: 4, std: 0.1 },
  outputs: (s, p) => p * s.dim,
  parameters: (s, p) => ({
    omega: [p, s.frequencies],
    phi: [p, s.frequencies],
    W: [p * (s.dim - 1), s.frequencies],
    c: [p, s.dim - 1],
  }),
  memory: (s, p) => ({ cos: p * s.frequencies, sin: p * s.frequencies }),
  init(random, theta, s) {
    const bound = 1 / Math.sqrt(s.frequencies);
    const even = (/** @type {number} */ size) => size * (2 * random.uniform() - 1);
    theta.omega.forEach((_, k) => (theta.omega[k] = s.std * random.normal()));
    theta.phi.forEach((_, k) => (theta.phi[k] = even(Math.PI)));
    for (const values of [theta.W, theta.c]) values.forEach((_, k) => (values[k] = even(bound)));
  },
  formulas: {
    forward: ["y_j = (x_j, W_j h_j + c_j), h_j = cos(2 π ω_j x_j + φ_j)"],
    backwardX: ["∇_{x_j} ℓ = ∇_{y_{j0}} ℓ − 2 π ω_j^⊤ (sin(2 π ω_j x_j + φ_j) ⊙ W_j^⊤ ∇_{y_j} ℓ)"],
    backwardTheta: [
      "∇_{W_j} ℓ = ∇_{y_j} ℓ h_j^⊤",
      "∇_{c_j} ℓ = ∇_{y_j} ℓ",
      "∇_{φ_j} ℓ = − sin(2 π ω_j x_j + φ_j) ⊙ W_j^⊤ ∇_{y_j} ℓ",
      "∇_{ω_j} ℓ = 2 π x_j ∇_{φ_j} ℓ",
    ],
  },
  forward({ n, p, x, y, omega, phi, W, c, cos, sin, frequencies: K, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      for (let k = 0; k < K; k++) {
        const angle = TURN * omega[j * K + k] * x[i] + phi[j * K + k];
        cos[i * K + k] = Math.cos(angle);
        sin[i * K + k] = Math.sin(angle);
      }
      y[i * dim] = x[i];
      for (let o = 0; o < m; o++) {
        let total = c[j * m + o];
        for (let k = 0; k < K; k++) total += W[(j * m + o) * K + k] * cos[i * K + k];
        y[i * dim + 1 + o] = total;
      }
    }
  },
  backwardX({ n, p, dy, dx, omega, W, sin, frequencies: K, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      let total = 0;
      for (let o = 0; o < m; o++) {
        for (let k = 0; k < K; k++) {
          total += dy[i * dim + 1 + o] * W[(j * m + o) * K + k] * omega[j * K + k] * sin[i * K + k];
        }
      }
      dx[i] = dy[i * dim] - TURN * total;
    }
  },
  backwardTheta({ n, p, x, dy, W, cos, sin, domega, dphi, dW, dc, frequencies: K, dim }) {
    const m = dim - 1;
    for (let i = 0; i < n * p; i++) {
      const j = i % p;
      for (let o = 0; o < m; o++) {
        const d = dy[i * dim + 1 + o];
        dc[j * m + o] += d;
        for (let k = 0; k < K; k++) {
          const slope = d * W[(j * m + o) * K + k] * sin[i * K + k];
          dphi[j * K + k] -= slope;
          domega[j * K + k] -= TURN * x[i] * slope;
          dW[(j * m + o) * K + k] += d * cos[i * K + k];
        }
      }
    }
  },
};
