// From layers to a list of instructions, as `steepest.lowering` makes one: forward values layer by
// layer, ℓ and ∇ℓ, then backwards, Φ by Φ. An instruction says what it reads, writes and means.

import { KINDS } from "./kinds.js";
import { Remote, Whole, remoteIn, unpack } from "./layers/remote.js";
import { LOSSES } from "./losses.js";
import { Random } from "./random.js";
import { lastOf, sizeOf } from "./shapes.js";

/**
 * An array: of each example a part of this shape, so many numbers wide.
 * @typedef {{name: string, path: string, shape: number[], width: number, values: Float64Array}} Buffer
 *
 * A parameter: where it lies in θ.
 * @typedef {{name: string, path: string, own: string, shape: number[], offset: number, size: number}} Parameter
 *
 * @typedef {"forward" | "loss" | "backwardX" | "backwardTheta"} Phase
 *
 * @typedef {object} Instruction
 * @property {Phase} phase
 * @property {string} path  of the layer
 * @property {string} type  of the layer, or of the loss
 * @property {string[]} formulas
 * @property {[string, Buffer][]} reads  by the names that the formulas have
 * @property {[string, Buffer][]} writes
 * @property {Parameter[]} parameters  those of the layer
 * @property {Record<string, any>} settings
 * @property {boolean} [remote]  whether Python computes it
 * @property {(n: number) => void} run
 *
 * y, and what emits the instructions of Φ: it gets dy and whether dx is wanted, and returns dx.
 * @typedef {[Buffer, (dy: Buffer, wantsDx: boolean) => Buffer | null]} Lowered
 *
 * What tells the shape of what a layer makes of an example.
 * @typedef {(record: any, shape: number[]) => number[]} ShapeOf
 */

/**
 * Return the kind of a layer.
 * @param {any} record
 * @returns {import("./kinds.js").Kind}
 */
function kindOf(record) {
  const kind = record.type === "Remote" ? Remote : KINDS[record.type];
  if (kind === undefined) {
    throw new Error(
      `${record.type}: this page does not compute this layer; it has ${Object.keys(KINDS).join(", ")}`,
    );
  }
  return kind;
}

/**
 * Return a record with all of its settings.
 * @param {any} record
 * @returns {any}
 */
export function complete(record) {
  return { ...kindOf(record).settings, ...record };
}

/**
 * Return the shape of what a layer makes of an example: a layer that says no shape goes along the
 * last axis.
 * @param {any} record
 * @param {number[]} shape
 * @returns {number[]}
 */
export function shapeOf(record, shape) {
  const [kind, s] = [kindOf(record), complete(record)];
  if (kind.outputShape) return kind.outputShape(s, shape, shapeOf);
  return [...shape.slice(0, -1), kind.outputs?.(s, lastOf(shape)) ?? lastOf(shape)];
}

/**
 * Return the path of the last layer of a network.
 * @param {any[]} layers
 * @returns {string}
 */
function lastPath(layers) {
  const last = layers.length - 1;
  const { type, layers: inner } = layers[last];
  return type === "Sequential" ? `${last}.${lastPath(inner)}` : `${last}`;
}

/**
 * List the parameters of a layer and of all in it.
 * @param {any} record
 * @param {number[]} inside  the shape of what goes in
 * @param {string} path
 * @param {Parameter[]} found
 */
function walk(record, inside, path, found) {
  const [kind, s] = [kindOf(record), complete(record)];
  const named = kind.parameters?.(s, lastOf(inside), inside) ?? {};
  for (const [own, shape] of Object.entries(named)) {
    const last = found.at(-1);
    const offset = last ? last.offset + last.size : 0;
    found.push({ name: `${path}.${own}`, path, own, shape, offset, size: sizeOf(shape) });
  }
  kind.children?.(s, inside, shapeOf).forEach((shape, k) => {
    walk(s.layers[k], shape, path === "" ? `${k}` : `${path}.${k}`, found);
  });
}

/**
 * Return the state of a layer by name: what Python packed, or what it begins with.
 * @param {any} record
 * @param {number[]} inside
 * @returns {Record<string, Float64Array>}
 */
function statesOf(record, inside) {
  const named = kindOf(record).state?.(complete(record), lastOf(inside)) ?? {};
  for (const [name, values] of Object.entries(named)) {
    if (record.state) values.set(unpack(record.state[name]));
  }
  return named;
}

/**
 * Write each row of targets several times, one behind the other.
 * @param {Float64Array} y
 * @param {Float64Array} repeated
 * @param {number} n
 * @param {number} k
 * @param {number} each
 */
function repeat(y, repeated, n, k, each) {
  for (let i = 0; i < n; i++) {
    const row = y.subarray(i * k, (i + 1) * k);
    for (let m = 0; m < each; m++) repeated.set(row, (i * each + m) * k);
  }
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function isBuffer(value) {
  return value?.values instanceof Float64Array;
}

/** A network: layers as Python records them, and its parameters θ in one vector. */
export class Network {
  /**
   * @param {any[]} layers
   * @param {number} inputs
   * @param {number[]} [shape]  of an example
   */
  constructor(layers, inputs, shape = [inputs]) {
    this.layers = layers;
    this.shape = shape;
    this.inputs = inputs;
    this.record = { type: "Sequential", layers };
    this.outputs = sizeOf(shapeOf(this.record, shape));
    /** @type {Parameter[]} */
    this.parameters = [];
    walk(this.record, shape, "", this.parameters);
    const last = this.parameters.at(-1);
    this.theta = new Float64Array(last ? last.offset + last.size : 0);
  }

  /**
   * Return a parameter's part of a vector like θ.
   * @param {Parameter} parameter
   * @param {Float64Array} [vector]
   * @returns {Float64Array}
   */
  view(parameter, vector = this.theta) {
    return vector.subarray(parameter.offset, parameter.offset + parameter.size);
  }

  /**
   * Draw the parameters.
   * @param {number} seed
   */
  init(seed) {
    const random = new Random(seed);
    const draw = (/** @type {any} */ record, /** @type {string} */ path) => {
      const [kind, s] = [kindOf(record), complete(record)];
      const own = this.parameters.filter((parameter) => parameter.path === path);
      const views = Object.fromEntries(own.map((one) => [one.own, this.view(one)]));
      if (own.length) kind.init?.(random, views, s);
      s.layers?.forEach((/** @type {any} */ layer, /** @type {number} */ k) =>
        draw(layer, path === "" ? `${k}` : `${path}.${k}`),
      );
    };
    draw(this.record, "");
  }
}

/** What a layer may ask while it is lowered. */
export class Lowering {
  /**
   * @param {Network} network
   * @param {Float64Array} gradient  like θ
   * @param {number} rows  the most at once
   * @param {boolean} training  whether it is as in a training, and not as in a prediction
   */
  constructor(network, gradient, rows, training) {
    this.network = network;
    this.gradient = gradient;
    this.rows = rows;
    /** The path of the only layer that may compute more rows in a training than in a prediction. */
    this.members = training ? lastPath(network.layers) : null;
    this.shapeOf = shapeOf;
    /** @type {Instruction[]} */
    this.instructions = [];
  }

  /**
   * Return a new array.
   * @param {string} path
   * @param {string} name
   * @param {number[]} shape  of what it holds of each example
   * @returns {Buffer}
   */
  array(path, name, shape) {
    const width = sizeOf(shape);
    return { name, path, shape, width, values: new Float64Array(this.rows * width) };
  }

  /**
   * Whether a layer, or one in it, has parameters.
   * @param {any} record
   * @param {number[]} shape
   * @returns {boolean}
   */
  learns(record, shape) {
    /** @type {Parameter[]} */
    const found = [];
    walk(record, shape, "", found);
    return found.length > 0;
  }

  /**
   * Return parameters of a layer by name, and their gradients with a d before it.
   * @param {string} path
   * @param {...string} names
   * @returns {Record<string, Float64Array>}
   */
  views(path, ...names) {
    /** @type {Record<string, Float64Array>} */
    const found = {};
    for (const parameter of this.network.parameters) {
      if (parameter.path !== path || !names.includes(parameter.own)) continue;
      found[parameter.own] = this.network.view(parameter);
      found[`d${parameter.own}`] = this.network.view(parameter, this.gradient);
    }
    return found;
  }

  /**
   * Add an instruction. `each` of the call is the number of rows that an example has.
   * @param {Phase} phase
   * @param {string} path
   * @param {import("./kinds.js").Kind} kind
   * @param {Record<string, any>} call  arrays are buffers
   * @param {string[]} reads
   * @param {string[]} writes
   * @param {(c: any) => void} kernel
   */
  emit(phase, path, kind, call, reads, writes, kernel) {
    const bound = Object.fromEntries(
      Object.entries(call).map(([name, value]) => [name, isBuffer(value) ? value.values : value]),
    );
    const buffers = (/** @type {string[]} */ names) =>
      /** @type {[string, Buffer][]} */ (
        names.filter((name) => isBuffer(call[name])).map((name) => [name, call[name]])
      );
    const type = kind.name ?? Object.keys(KINDS).find((name) => KINDS[name] === kind) ?? "";
    this.instructions.push({
      phase,
      path,
      type,
      formulas: kind.formulas?.[/** @type {"forward"} */ (phase)] ?? [],
      reads: buffers(reads),
      writes: buffers(writes),
      parameters: this.network.parameters.filter((parameter) => parameter.path === path),
      settings: call,
      remote: kind.remote,
      run: (n) => kernel({ ...bound, n: n * (call.each ?? 1) }),
    });
  }

  /**
   * Emit the forward instructions of a layer.
   * @param {any} record
   * @param {Buffer} x
   * @param {string} path
   * @returns {Lowered}
   */
  lower(record, x, path) {
    const [kind, s] = [kindOf(record), complete(record)];
    if (kind.lower) return kind.lower(this, s, x, path);
    const { shape } = x;
    const y = this.array(path, "y", shapeOf(record, shape));
    // A layer that knows shapes has one row for each example, the others one for each of its rows.
    const whole = kind.outputShape !== undefined;
    const [p, q] = whole ? [x.width, y.width] : [lastOf(shape), lastOf(y.shape)];
    const each = x.width / p;
    /** @type {Record<string, any>} */
    const call = { ...s, each, shape, p, q, x, y, ...statesOf(record, shape) };
    const names = Object.keys(kind.parameters?.(s, lastOf(shape), shape) ?? {});
    Object.assign(call, this.views(path, ...names));
    for (const [name, width] of Object.entries(kind.memory?.(s, p, shape) ?? {})) {
      call[name] = this.array(path, name, [each * width]);
    }
    const { forward, backwardX, backwardTheta } = kind;
    if (forward) this.emit("forward", path, kind, call, ["x"], ["y"], forward);
    return [
      y,
      (dy, wantsDx) => {
        const back = { ...call, dy };
        let dx = null;
        if (wantsDx && backwardX) {
          dx = this.array(path, "dx", shape);
          this.emit("backwardX", path, kind, { ...back, dx }, ["x", "dy"], ["dx"], backwardX);
        }
        if (backwardTheta) {
          this.emit("backwardTheta", path, kind, back, ["x", "dy"], [], backwardTheta);
        }
        return dx;
      },
    ];
  }
}

/**
 * Return about how many products an instruction takes for an example: it uses each parameter once
 * in each row of it, but for tables of embeddings, and layers that have parameters for each row.
 * @param {Instruction} one
 * @returns {number}
 */
function worked({ parameters, settings }) {
  if (settings.codes) return settings.q;
  return parameters.reduce((sum, { size }) => sum + size, 0) * (settings.each ?? 1);
}

/** Forward, ℓ and backward for up to so many rows at once. */
export class Program {
  /**
   * @param {Network} network
   * @param {any} loss  as Python records it
   * @param {number} targets  numbers a row
   * @param {number} rows
   * @param {boolean} [training]  whether it computes what a training does, and not a prediction; no
   *   difference where Python computes a layer
   */
  constructor(network, loss, targets, rows, training = false) {
    const kind = LOSSES[loss.type];
    if (kind === undefined) {
      throw new Error(`${loss.type}: this page does not compute this loss`);
    }
    this.network = network;
    this.gradient = new Float64Array(network.theta.length);
    this.rows = rows;
    const remote = remoteIn(network.layers).length > 0;
    const low = new Lowering(network, this.gradient, rows, training && !remote);
    this.x = low.array("", "x", network.shape);
    this.y = low.array("", "target", [targets]);
    const [z, backward] = low.lower(network.record, this.x, "");
    this.z = z;
    this.forwardCount = low.instructions.length;
    const q = lastOf(z.shape);
    const each = z.width / q; // rows of an example, each with its target and a loss of its own
    this.dz = low.array("loss", "dz", z.shape);
    this.loss = low.array("loss", "loss", [each]);
    const call = { ...kind.settings, ...loss, q, k: targets };
    const arrays = { z: z.values, dz: this.dz.values, loss: this.loss.values };
    const repeated = each > 1 ? low.array("loss", "y", [each, targets]).values : this.y.values;
    low.instructions.push({
      phase: "loss",
      path: "",
      type: loss.type,
      formulas: kind.formulas,
      reads: [
        ["z", z],
        ["y", this.y],
      ],
      writes: [
        ["ℓ", this.loss],
        ["dz", this.dz],
      ],
      parameters: [],
      settings: call,
      run: (n) => {
        if (each > 1) repeat(this.y.values, repeated, n, targets, each);
        kind.gradient({ ...call, ...arrays, y: repeated, n: n * each, scale: 1 / (n * each) });
      },
    });
    backward(this.dz, false);
    this.instructions = low.instructions;
    /** About how many products the outputs of a row take. */
    this.products = low.instructions
      .slice(0, this.forwardCount)
      .reduce((sum, one) => sum + worked(one), 0);
    this.whole = remote ? new Whole(network, network.shape) : null;
  }

  /**
   * Set the rows to compute on.
   * @param {Float64Array} X
   * @param {Float64Array} Y
   * @param {ArrayLike<number>} rows
   */
  take(X, Y, rows) {
    const [p, k] = [this.x.width, this.y.width];
    for (let i = 0; i < rows.length; i++) {
      this.x.values.set(X.subarray(rows[i] * p, (rows[i] + 1) * p), i * p);
      this.y.values.set(Y.subarray(rows[i] * k, (rows[i] + 1) * k), i * k);
    }
  }

  /**
   * Compute z of n rows that lie in x.
   * @param {number} n
   */
  forward(n) {
    if (this.whole) this.z.values.set(this.whole.forward(this.rowsOf(this.x, n)));
    else for (let k = 0; k < this.forwardCount; k++) this.instructions[k].run(n);
  }

  /**
   * Compute ℓ and the gradient of its mean over n rows; return that mean.
   * @param {number} n
   * @returns {number}
   */
  descent(n) {
    this.gradient.fill(0);
    if (this.whole) {
      this.forward(n);
      this.instructions[this.forwardCount].run(n);
      this.whole.backward(this.rowsOf(this.x, n), this.rowsOf(this.dz, n), this.gradient);
    } else for (const instruction of this.instructions) instruction.run(n);
    return this.mean(n);
  }

  /**
   * @param {Buffer} buffer
   * @param {number} n
   * @returns {Float64Array}
   */
  rowsOf(buffer, n) {
    return buffer.values.subarray(0, n * buffer.width);
  }

  /**
   * Return the mean of ℓ over n rows, as it was computed last.
   * @param {number} n
   * @returns {number}
   */
  mean(n) {
    const count = n * this.loss.width;
    let total = 0;
    for (let i = 0; i < count; i++) total += this.loss.values[i];
    return total / count;
  }
}
