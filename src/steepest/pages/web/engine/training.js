// A training: rows in a random order, a gradient, a step; or one instruction of it at a time.

import { Program } from "./program.js";
import { Random } from "./random.js";
import { RULES } from "./rules.js";

/**
 * Rows with their targets, row after row.
 * @typedef {{X: Float64Array, Y: Float64Array, rows: number, targets: number}} Data
 */

export class Training {
  /**
   * @param {import("./program.js").Network} network
   * @param {any} loss
   * @param {any} rule  as Python records it
   * @param {Data} data
   * @param {number} batch
   * @param {number} seed  of the order
   */
  constructor(network, loss, rule, data, batch, seed) {
    this.network = network;
    this.data = data;
    this.batch = Math.min(batch, data.rows);
    this.program = new Program(network, loss, data.targets, this.batch, true);
    this.random = new Random(seed);
    /** @type {Int32Array} */
    this.order = new Int32Array(data.rows);
    this.place = data.rows;
    this.steps = 0;
    this.epochs = 0;
    /** @type {ArrayLike<number>} */
    this.rows = [];
    /** The number of the next instruction; as many as there are when only the step is left. */
    this.next = 0;
    /** Steps by this rule so far. */
    this.since = 0;
    this.kind = RULES[rule.type];
    this.rule = rule;
    /** @type {Record<string, Float64Array>} */
    this.slots = {};
    this.setRule(rule);
  }

  /**
   * Step by another rule from now on, which remembers nothing yet.
   * @param {any} rule
   */
  setRule(rule) {
    this.kind = RULES[rule.type];
    this.rule = { ...this.kind.settings, ...rule };
    const empty = () => new Float64Array(this.network.theta.length);
    this.slots = Object.fromEntries(this.kind.slots.map((name) => [name, empty()]));
    this.since = 0;
  }

  /** Draw the next rows: all of an epoch in a new order, then those of the next one. */
  draw() {
    if (this.place >= this.data.rows) {
      this.order = this.random.permutation(this.data.rows);
      this.place = 0;
    }
    this.rows = this.order.subarray(this.place, this.place + this.batch);
    this.take(this.rows);
  }

  /**
   * Begin a step on given rows.
   * @param {ArrayLike<number>} rows
   */
  take(rows) {
    this.rows = rows;
    this.program.take(this.data.X, this.data.Y, rows);
    this.program.gradient.fill(0);
    this.next = 0;
  }

  /** Whether rows are drawn and the step on them is not over. */
  get begun() {
    return this.rows.length > 0;
  }

  /**
   * Run one instruction, the last of which is the step; return it, null for the step.
   * @returns {import("./program.js").Instruction | null}
   */
  instruction() {
    if (!this.begun) this.draw();
    if (this.next < this.program.instructions.length) {
      const found = this.program.instructions[this.next++];
      found.run(this.rows.length);
      return found;
    }
    this.update();
    return null;
  }

  /** θ ← θ − η ∇ℓ, or what the rule makes of the gradient. */
  update() {
    this.since++;
    const { theta } = this.network;
    const call = { theta, g: this.program.gradient, t: this.since };
    this.kind.step({ ...this.rule, ...this.slots, ...call });
    this.place += this.rows.length;
    this.steps++;
    if (this.place >= this.data.rows) this.epochs++;
    this.rows = [];
    this.next = 0;
  }

  /**
   * Finish a step that has begun, or do a whole one; return the mean of ℓ over its rows.
   * @returns {number}
   */
  step() {
    if (!this.begun) this.draw();
    const n = this.rows.length;
    if (this.next === 0) {
      this.program.descent(n);
      this.update();
    } else while (this.begun) this.instruction();
    return this.program.mean(n);
  }
}
