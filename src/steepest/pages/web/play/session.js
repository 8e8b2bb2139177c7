// What a page holds: rows, a network, its training; and what it computes of them for all figures.

import { brief, percent } from "../format.js";
import { LOSSES } from "../engine/losses.js";
import { softmaxRow } from "../engine/layers/softmax.js";
import { sigmoid } from "../engine/functions.js";
import { ask } from "../engine/layers/remote.js";
import { Network, Program, complete } from "../engine/program.js";
import { Training } from "../engine/training.js";
import { unpack } from "./data.js";

const BLOCK = 256;

/** Rows, a network and its training. */
export class Session {
  /** @param {import("./data.js").Rows} rows */
  constructor(rows) {
    this.rows = rows;
    const record = rows.record;
    /** @type {any[]} */
    this.layers = record.layers;
    this.loss = record.loss;
    this.rule = record.rule;
    this.batch = Math.min(record.batch, rows.train);
    this.seed = 1;
    /** @type {{step: number, loss: number, held: number}[]} */
    this.history = [];
    this.network = new Network(this.layers, rows.inputs, record.shape);
    this.network.init(this.seed);
    if (record.theta) {
      for (const one of this.network.parameters) {
        this.network.view(one).set(unpack(record.theta[one.name]));
      }
    }
    this.training = this.trainingOf();
    this.other = new Program(this.network, this.loss, 1, BLOCK);
    this.note();
  }

  /** Make the network anew, from other starting values. */
  build() {
    this.network = new Network(this.layers, this.rows.inputs, this.rows.record.shape);
    this.network.init(this.seed);
    this.begin();
  }

  /** Begin a training of the network as it is. */
  begin() {
    this.training = this.trainingOf();
    this.other = new Program(this.network, this.loss, 1, BLOCK);
    this.history = [];
    this.note();
  }

  /** @returns {Training} */
  trainingOf() {
    const data = this.rows.part(this.loss.type, false);
    return new Training(this.network, this.loss, this.rule, data, this.batch, this.seed);
  }

  /**
   * Change the layers, and keep the parameters of those before the first that changed.
   * @param {any[]} layers
   */
  setLayers(layers) {
    const before = this.network;
    if (this.rows.served) {
      layers = ask("place", { layers, shape: this.rows.record.shape });
    }
    new Network(layers, this.rows.inputs, this.rows.record.shape); // raises for what it does not compute
    const [old, kept] = [this.layers, layers];
    let same = 0;
    while (
      same < Math.min(old.length, kept.length) &&
      JSON.stringify(old[same]) === JSON.stringify(kept[same])
    )
      same++;
    this.layers = layers;
    this.network = new Network(layers, this.rows.inputs, this.rows.record.shape);
    this.network.init(this.seed);
    for (const one of this.network.parameters) {
      const other = before.parameters.find((each) => each.name === one.name);
      if (Number(one.path.split(".")[0]) < same && other) {
        this.network.view(one).set(before.view(other));
      }
    }
    this.begin();
  }

  /** Add the losses of this moment to the history. */
  note() {
    const { loss } = this.measure(false);
    const held = this.measure(true).loss;
    this.history.push({ step: this.training.steps, loss, held });
    if (this.history.length > 400) this.history = this.history.filter((_, k) => k % 2 === 0);
  }

  /**
   * Return the mean of ℓ over rows to train on or held out, and the share that is right.
   * @param {boolean} held
   * @returns {{loss: number, right: number}}
   */
  measure(held) {
    const data = this.rows.part(this.loss.type, held);
    const program = this.other;
    let [total, right] = [0, 0];
    for (let from = 0; from < data.rows; from += BLOCK) {
      const n = Math.min(BLOCK, data.rows - from);
      program.take(
        data.X,
        data.Y,
        Array.from({ length: n }, (_, k) => from + k),
      );
      program.forward(n);
      program.instructions[program.forwardCount].run(n);
      total += n * program.mean(n);
      for (let k = 0; k < n; k++) {
        const y = this.rows.y[(held ? this.rows.train : 0) + from + k];
        if (this.classOf(program.z.values, k) === y) right++;
      }
    }
    return { loss: total / data.rows, right: right / data.rows };
  }

  /**
   * Return the number of the class that outputs say.
   * @param {Float64Array} z
   * @param {number} row
   * @returns {number}
   */
  classOf(z, row) {
    const q = this.network.outputs;
    if (q === 1) return z[row] > 0 ? 1 : 0;
    let best = 0;
    for (let k = 1; k < q; k++) if (z[row * q + k] > z[row * q + best]) best = k;
    return best;
  }

  /**
   * Return what the network says of encoded rows: a number in the user's units, or the probability
   * of each class, of two classes of the second.
   * @param {Float64Array} X
   * @param {number} count
   * @returns {Float64Array}  count × width
   */
  says(X, count) {
    const program = this.other;
    const { kind, mean, deviation } = this.rows.task;
    const [p, q] = [this.rows.inputs, program.z.width];
    const found = new Float64Array(count * q);
    for (let from = 0; from < count; from += BLOCK) {
      const n = Math.min(BLOCK, count - from);
      program.x.values.set(X.subarray(from * p, (from + n) * p));
      program.forward(n);
      found.set(program.z.values.subarray(0, n * q), from * q);
    }
    if (kind === "regression") return found.map((z) => mean + deviation * z);
    const link = LOSSES[this.loss.type].link;
    if (link === "sign") return found.map((z) => (z > 0 ? 1 : 0));
    if (link === "sigmoid") return found.map(sigmoid);
    for (let i = 0; i < count; i++) softmaxRow(found, found, i * q, q);
    return found;
  }

  /**
   * Say in words which class of an encoded row is the most probable; of none, that there is none.
   * @param {Float64Array} row
   * @returns {string}
   */
  likeliest(row) {
    const found = this.says(row, 1);
    const shares = found.length === 1 ? [1 - found[0], found[0]] : [...found];
    const best = shares.indexOf(Math.max(...shares));
    return best < 0 ? "no number" : `${brief(this.rows.classes[best])}, ${percent(shares[best])}`;
  }

  /** Whether the row of a step has several outputs to show. */
  get width() {
    return this.network.outputs;
  }
}

/**
 * Return the name of a layer.
 * @param {any} record
 * @returns {string}
 */
export function typeOf(record) {
  return record.type === "Remote" ? record.layer.type : record.type;
}

/** Settings that come first, without their names.
 * @type {Record<string, string[]>} */
const FIRST = {
  Adapters: ["members"],
  Average: ["parts"],
  Dense: ["units"],
  Embedding: ["codes"],
  EmbeddingBag: ["codes", "dim"],
  Heads: ["units"],
};

/**
 * Return a layer's settings in words, as Python writes the layer.
 * @param {any} record
 * @returns {string}
 */
export function spelled(record) {
  const { state: _, ...s } = complete(record);
  if (s.spelled) return s.spelled;
  if (s.widths) {
    const parts = s.layers.map(
      (/** @type {any} */ one, /** @type {number} */ k) => `(${s.widths[k]}, ${spelled(one)})`,
    );
    return `${s.type}(${parts.join(", ")})`;
  }
  if (s.layers) return `${s.type}(${s.layers.map(spelled).join(", ")})`;
  const usual = complete({ type: s.type });
  const own = Object.entries(s).filter(
    ([name, value]) => name !== "type" && JSON.stringify(value) !== JSON.stringify(usual[name]),
  );
  const first = FIRST[s.type] ?? [];
  const words = [
    ...first.map((name) => `${s[name]}`),
    ...own.filter(([name]) => !first.includes(name)).map(([name, v]) => `${name}=${literal(v)}`),
  ];
  return `${s.type}(${words.join(", ")})`;
}

/**
 * Return a value as Python writes it.
 * @param {any} value
 * @returns {string}
 */
export function literal(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value))
    return `(${value.map(literal).join(", ")}${value.length === 1 ? "," : ""})`;
  if (typeof value === "object") {
    const own = Object.entries(value).filter(([name]) => name !== "type");
    return `${value.type}(${own.map(([name, inner]) => `${name}=${literal(inner)}`).join(", ")})`;
  }
  return typeof value === "string" ? JSON.stringify(value) : `${value}`;
}
