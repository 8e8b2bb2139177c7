// Layers made of layers: one after the other, beside one another, around a shortcut.

import { lastOf, sizeOf } from "../shapes.js";

/** @typedef {import("../kinds.js").Kind} Kind */
/** @typedef {import("../kinds.js").Call} Call */
/** @typedef {import("../program.js").Lowering} Lowering */
/** @typedef {import("../program.js").Buffer} Buffer */
/** @typedef {import("../program.js").Lowered} Lowered */

/** @type {Kind} */
export const Identity = {
  settings: {},
  lower: (_low, _s, x) => [x, (dy, wantsDx) => (wantsDx ? dy : null)],
};

/** @type {Kind} */
export const Dropout = { ...Identity, settings: { rate: 0.5 } };

/** Numbers lie here as they do in Python, the last axis fastest.
 * @type {Kind} */
export const Flatten = {
  settings: {},
  outputShape: (_, shape) => [sizeOf(shape)],
  lower: (_low, _s, x) => [
    { ...x, shape: [x.width] },
    (dy, wantsDx) => (wantsDx ? { ...dy, shape: x.shape } : null),
  ],
};

/** @type {Kind} */
export const Sequential = {
  settings: {},
  outputShape: (s, shape, shapeOf) =>
    s.layers.reduce(
      (/** @type {number[]} */ inside, /** @type {any} */ layer) => shapeOf(layer, inside),
      shape,
    ),
  children: (s, shape, shapeOf) => {
    let next = shape;
    return s.layers.map((/** @type {any} */ layer) => {
      const own = next;
      next = shapeOf(layer, own);
      return own;
    });
  },
  lower(low, s, x, path) {
    /** @type {[Lowered[1], boolean][]} */
    const steps = [];
    let learned = false;
    s.layers.forEach((/** @type {any} */ layer, /** @type {number} */ k) => {
      const name = path === "" ? `${k}` : `${path}.${k}`;
      const learns = low.learns(layer, x.shape);
      const [y, back] = low.lower(layer, x, name);
      x = y;
      steps.push([back, learned]);
      learned = learned || learns;
    });
    return [
      x,
      (dy, wantsDx) => {
        /** @type {Buffer | null} */
        let dx = dy;
        for (const [back, needed] of [...steps].reverse()) {
          if (dx === null) break;
          dx = back(dx, wantsDx || needed);
        }
        return dx;
      },
    ];
  },
};

/** @type {Kind} */
export const Parametric = {
  settings: {},
  parameters: (_, p) => ({ w: [p] }),
  children: (_, shape) => [shape],
  init(_, theta) {
    theta.w.fill(1);
  },
  formulas: {
    forward: ["y = x + w ⊙ (σ(x) − x)"],
    backwardX: ["∇_σ ℓ = w ⊙ ∇_y ℓ"],
    backwardTheta: ["∇_w ℓ = ∇_y ℓ ⊙ (σ(x) − x)"],
  },
  lower(low, s, x, path) {
    const [f, back] = low.lower(s.layers[0], x, `${path}.0`);
    const y = low.array(path, "y", x.shape);
    const call = { x, f, y, ...rowsOf(x), ...low.views(path, "w") };
    low.emit("forward", path, Parametric, call, ["x", "f"], ["y"], ({ n, p, w, ...c }) => {
      for (let k = 0; k < n * p; k++) c.y[k] = c.x[k] + w[k % p] * (c.f[k] - c.x[k]);
    });
    return [
      y,
      (dy, wantsDx) => {
        const [df, dx] = [low.array(path, "df", x.shape), low.array(path, "dx", x.shape)];
        Object.assign(call, { dy, df, dx });
        low.emit("backwardX", path, Parametric, call, ["dy"], ["df"], ({ n, p, w, ...c }) => {
          for (let k = 0; k < n * p; k++) c.df[k] = w[k % p] * c.dy[k];
        });
        const through = back(df, wantsDx);
        low.emit("backwardTheta", path, Parametric, call, ["x", "f", "dy"], ["dw"], (c) => {
          for (let k = 0; k < c.n * c.p; k++) c.dw[k % c.p] += c.dy[k] * (c.f[k] - c.x[k]);
        });
        if (!wantsDx || through === null) return null;
        const last = { ...call, through };
        low.emit(
          "backwardX",
          path,
          JOINED,
          last,
          ["dy", "through"],
          ["dx"],
          ({ n, p, w, ...c }) => {
            for (let k = 0; k < n * p; k++) c.dx[k] = (1 - w[k % p]) * c.dy[k] + c.through[k];
          },
        );
        return dx;
      },
    ];
  },
};

/** @type {Kind} */
const JOINED = {
  name: "Parametric",
  settings: {},
  formulas: { backwardX: ["∇_x ℓ = (1 − w) ⊙ ∇_y ℓ + σ′(x) ⊙ ∇_σ ℓ"] },
};

/**
 * Return how many numbers a row of an array has, and how many rows an example.
 * @param {Buffer} x
 * @returns {{p: number, each: number}}
 */
function rowsOf({ shape, width }) {
  const p = lastOf(shape);
  return { p, each: width / p };
}

/**
 * Emit the copy of columns of one array into another.
 * @param {Lowering} low
 * @param {"forward" | "backwardX"} phase
 * @param {string} path
 * @param {[Buffer, number]} source
 * @param {[Buffer, number]} target
 * @param {number} width
 */
function move(low, phase, path, [x, start], [y, begin], width) {
  const call = { x, y, ...rowsOf(x), q: rowsOf(y).p };
  low.emit(phase, path, MOVED, call, ["x"], ["y"], (c) => {
    for (let i = 0; i < c.n; i++) {
      for (let k = 0; k < width; k++) c.y[i * c.q + begin + k] = c.x[i * c.p + start + k];
    }
  });
}

/** @type {Kind} */
const MOVED = {
  name: "Parallel, columns",
  settings: {},
  formulas: { forward: ["y_j = x_i"], backwardX: ["∇_{x_i} ℓ = ∇_{y_j} ℓ"] },
};

/**
 * Return the shape of what branches make, side by side.
 * @param {any} s
 * @param {number[][]} inside  what goes into each
 * @param {import("../program.js").ShapeOf} shapeOf
 * @returns {number[]}
 */
function beside(s, inside, shapeOf) {
  const found = inside.map((shape, k) => shapeOf(s.layers[k], shape));
  const widths = found.map(lastOf);
  return [...found[0].slice(0, -1), widths.reduce((a, b) => a + b, 0)];
}

/** @type {Kind} */
export const Parallel = {
  settings: {},
  outputShape: (s, shape, shapeOf) => beside(s, Object(Parallel).children(s, shape), shapeOf),
  children: (s, shape) =>
    s.widths.map((/** @type {number} */ width) => [...shape.slice(0, -1), width]),
  lower(low, s, x, path) {
    const y = low.array(path, "y", low.shapeOf(s, x.shape));
    /** @type {{back: Lowered[1], start: number, width: number, begin: number, out: Buffer, name: string}[]} */
    const branches = [];
    let [start, begin] = [0, 0];
    s.layers.forEach((/** @type {any} */ layer, /** @type {number} */ k) => {
      const [name, width] = [`${path}.${k}`, s.widths[k]];
      const part = low.array(name, "x", [...x.shape.slice(0, -1), width]);
      move(low, "forward", path, [x, start], [part, 0], width);
      const [out, back] = low.lower(layer, part, name);
      move(low, "forward", path, [out, 0], [y, begin], rowsOf(out).p);
      branches.push({ back, start, width, begin, out, name });
      start += width;
      begin += rowsOf(out).p;
    });
    return [
      y,
      (dy, wantsDx) => {
        const dx = wantsDx ? low.array(path, "dx", x.shape) : null;
        for (const { back, start, width, begin, out, name } of branches) {
          const part = low.array(name, "dy", out.shape);
          move(low, "backwardX", path, [dy, begin], [part, 0], rowsOf(out).p);
          const share = back(part, wantsDx);
          if (dx && share) move(low, "backwardX", path, [share, 0], [dx, start], width);
        }
        return dx;
      },
    ];
  },
};

/** @type {Kind} */
export const Concat = {
  settings: {},
  outputShape: (s, shape, shapeOf) => beside(s, Object(Concat).children(s, shape), shapeOf),
  children: (s, shape) => s.layers.map(() => shape),
  lower(low, s, x, path) {
    const y = low.array(path, "y", low.shapeOf(s, x.shape));
    /** @type {{back: Lowered[1], begin: number, out: Buffer, name: string}[]} */
    const branches = [];
    let begin = 0;
    s.layers.forEach((/** @type {any} */ layer, /** @type {number} */ k) => {
      const name = `${path}.${k}`;
      const [out, back] = low.lower(layer, x, name);
      move(low, "forward", path, [out, 0], [y, begin], rowsOf(out).p);
      branches.push({ back, begin, out, name });
      begin += rowsOf(out).p;
    });
    return [
      y,
      (dy, wantsDx) => {
        /** @type {Buffer | null} */
        let dx = null;
        for (const { back, begin, out, name } of branches) {
          const part = low.array(name, "dy", out.shape);
          move(low, "backwardX", path, [dy, begin], [part, 0], rowsOf(out).p);
          const share = back(part, wantsDx);
          if (share === null || dx === null) {
            dx = share;
            continue;
          }
          const sum = low.array(path, "dx", x.shape);
          add(low, "backwardX", path, CONCAT_ADDED, dx, share, sum);
          dx = sum;
        }
        return dx;
      },
    ];
  },
};

/** @type {Kind} */
const CONCAT_ADDED = {
  name: "Concat, sum",
  settings: {},
  formulas: { backwardX: ["∇_x ℓ = Σ ∇_{x_k} ℓ"] },
};

/**
 * Emit total = first + second.
 * @param {Lowering} low
 * @param {"forward" | "backwardX"} phase
 * @param {string} path
 * @param {Kind} kind
 * @param {Buffer} first
 * @param {Buffer} second
 * @param {Buffer} y
 */
function add(low, phase, path, kind, first, second, y) {
  const call = { first, second, y, p: y.width };
  low.emit(phase, path, kind, call, ["first", "second"], ["y"], (c) => {
    for (let k = 0; k < c.n * c.p; k++) c.y[k] = c.first[k] + c.second[k];
  });
}

/** @type {Kind} */
const ADDED = {
  name: "Residual, sum",
  settings: {},
  formulas: { forward: ["y = x + f(x)"], backwardX: ["∇_x ℓ = ∇_y ℓ + (f′(x))^⊤ ∇_y ℓ"] },
};

/** @type {Kind} */
export const Residual = {
  settings: {},
  children: Sequential.children,
  lower(low, s, x, path) {
    const [f, back] = low.lower({ type: "Sequential", layers: s.layers }, x, path);
    const y = low.array(path, "sum", x.shape);
    add(low, "forward", path, ADDED, x, f, y);
    return [
      y,
      (dy, wantsDx) => {
        const through = back(dy, wantsDx);
        if (!wantsDx || through === null) return null;
        const dx = low.array(path, "dx", x.shape);
        add(low, "backwardX", path, ADDED, dy, through, dx);
        return dx;
      },
    ];
  },
};
