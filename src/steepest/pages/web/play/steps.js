// One step of the training, instruction by instruction: what it means, what goes in, what comes out.

import { h, note } from "../dom.js";
import { number } from "../format.js";
import { KINDS } from "../engine/kinds.js";
import { formula } from "./mathml.js";
import { matrix } from "./numbers.js";

/** @typedef {import("../engine/program.js").Instruction} Instruction */

const TERMS = 4;
const SENTENCES = {
  forward: "Forward: the layer computes its output from its input.",
  loss: "How wrong the output is, and ∇ℓ: which way the output would have to move for ℓ to grow.",
  backwardX:
    "Backward, first half of Φ: from the gradient at the layer's output, the gradient at its input. It is all that the layer before needs.",
  backwardTheta:
    "Backward, second half of Φ: from the same gradient, that of the layer's own parameters, added up over the rows.",
};
const PARTS = "Between branches: columns are taken out, put side by side, or added up.";

/** The panel. */
export class Steps {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.list = h("ol", {
      class: "instructions",
      "aria-label": "Instructions of a step",
      tabindex: 0,
    });
    this.detail = h("div", { class: "detail", "aria-live": "polite" });
    this.element = h("div", { class: "split" }, this.list, this.detail);
    this.parameter = "";
  }

  /** Show the step as far as it has come. */
  draw() {
    const { session, stepped } = this.app;
    const { training } = session;
    const { instructions } = training.program;
    const at = stepped ? instructions.length : training.begun ? training.next - 1 : -1;
    const item = (/** @type {string} */ text, /** @type {number} */ k) =>
      h(
        "li",
        {
          class: k < at ? "done" : k === at ? "current" : "",
          ...(k === at ? { "aria-current": "step" } : {}),
        },
        text,
      );
    this.list.replaceChildren(
      ...instructions.map((/** @type {Instruction} */ one, /** @type {number} */ k) =>
        item(named(one), k),
      ),
      item("The step", instructions.length),
    );
    const current = this.list.querySelector(".current");
    if (current instanceof HTMLElement) {
      this.list.scrollTop = current.offsetTop - this.list.clientHeight / 2;
    } else this.list.scrollTop = 0;
    this.detail.replaceChildren(
      ...(stepped
        ? this.step(stepped)
        : at < 0
          ? this.before()
          : this.instruction(instructions[at])),
    );
  }

  /** @returns {Node[]} */
  before() {
    return [
      h("h3", {}, "Before a step"),
      h(
        "p",
        {},
        "“One instruction” draws the rows of the next step and computes the first line of the list. " +
          "Each further one goes a line down: forward to the loss, and back again.",
      ),
    ];
  }

  /** @returns {string} */
  rowsInWords() {
    const { session, rows } = this.app;
    const chosen = [...session.training.rows];
    const names = chosen.slice(0, 5).map((row) => rows.nameOf(row).replace("row ", ""));
    const more = chosen.length > names.length ? ` and ${chosen.length - names.length} more` : "";
    return chosen.length === 1
      ? `On row ${names[0]}.`
      : `On ${chosen.length} rows: ${names.join(", ")}${more}. Each has a line in the tables.`;
  }

  /**
   * @param {Instruction} one
   * @returns {Node[]}
   */
  instruction(one) {
    const { session } = this.app;
    const { training, network } = session;
    const n = training.rows.length;
    const names = letters(one, session.layers.length);
    const array = (/** @type {[string, import("../engine/program.js").Buffer]} */ [name, buffer]) =>
      matrix(readable(name, names), buffer.values, n, buffer.width, buffer.shape);
    const theta = (/** @type {Float64Array | undefined} */ vector) =>
      one.parameters.map((parameter) => {
        const [q, p] = flat(parameter.shape);
        const name = readable(parameter.own, names);
        return matrix(vector ? `∇ℓ for ${name}` : name, network.view(parameter, vector), q, p);
      });
    const learns = one.phase === "backwardTheta";
    const text = worked(one, n, session);
    return [
      h("h3", {}, named(one)),
      h(
        "p",
        {},
        KINDS[one.type] || one.remote || one.phase === "loss" ? SENTENCES[one.phase] : PARTS,
      ),
      ...(one.remote ? [h("p", {}, `Python computes it. ${one.type}: ${one.settings.says}`)] : []),
      formula(one.formulas, names),
      ...(text ? [h("p", { class: "worked" }, text)] : []),
      note(this.rowsInWords()),
      h("h4", {}, "What goes in"),
      h(
        "div",
        { class: "arrays" },
        ...one.reads.map(array),
        ...(learns || one.phase === "loss" ? [] : theta(undefined)),
      ),
      h("h4", {}, "What comes out"),
      h(
        "div",
        { class: "arrays" },
        ...(learns ? theta(training.program.gradient) : one.writes.map(array)),
      ),
    ];
  }

  /**
   * @param {{before: Float64Array, gradient: Float64Array}} stepped
   * @returns {Node[]}
   */
  step({ before, gradient }) {
    const { session } = this.app;
    const { network, training } = session;
    const { parameters } = network;
    const chosen =
      parameters.find((/** @type {any} */ one) => one.name === this.parameter) ?? parameters[0];
    const [q, p] = flat(chosen.shape);
    const plain = session.rule.type === "SGD" && !session.rule.momentum;
    const [from, slope, to] = [before, gradient, network.theta].map(
      (vector) => vector[chosen.offset],
    );
    return [
      h("h3", {}, "The step"),
      h("p", {}, "All parameters move against their gradient. With that the step is over."),
      formula(training.kind.formulas(training.rule)),
      ...(plain
        ? [
            h(
              "p",
              { class: "worked" },
              `First entry of ${spokenName(chosen)}: ${number(from)} − ${number(session.rule.lr)} · ${bracket(slope)} = ${number(to)}`,
            ),
          ]
        : []),
      h(
        "label",
        {},
        "parameter ",
        h(
          "select",
          {
            id: "parameter",
            change: (event) => {
              this.parameter = event.target.value;
              this.draw();
            },
          },
          ...parameters.map((/** @type {any} */ one) =>
            h("option", { value: one.name, selected: one === chosen }, spokenName(one)),
          ),
        ),
      ),
      h(
        "div",
        { class: "arrays" },
        matrix("before", network.view(chosen, before), q, p),
        matrix("∇ℓ", network.view(chosen, gradient), q, p),
        matrix("after", network.view(chosen), q, p),
      ),
    ];
  }
}

/**
 * Return rows and columns of a table for an array: its last axis goes to the right.
 * @param {number[]} shape
 * @returns {[number, number]}
 */
function flat(shape) {
  const last = shape[shape.length - 1];
  return [shape.reduce((a, b) => a * b, 1) / last, last];
}

/**
 * Return the name of an instruction.
 * @param {Instruction} one
 * @returns {string}
 */
export function named(one) {
  if (one.phase === "loss") return `ℓ and ∇ℓ: ${one.type}`;
  const at = one.path
    .split(".")
    .map((part) => Number(part) + 1)
    .join(".");
  const name = `${at} ${one.type}`;
  if (one.phase === "forward") return name;
  return one.phase === "backwardX" ? `Φ of ${name}: ∇x` : `Φ of ${name}: ∇θ`;
}

/**
 * Return what stands for the letters of an instruction's formulas: y of layer 2 is y₂, its x is y₁.
 * @param {Instruction} one
 * @param {number} count  of layers
 * @returns {Record<string, string>}
 */
function letters(one, count) {
  if (one.phase === "loss") return { z: `y_{${count}}` };
  if (one.path.includes(".") || !KINDS[one.type]) return {};
  const k = Number(one.path) + 1;
  const own = Object.fromEntries(
    one.parameters.map(({ own: name }) => [GREEK[name] ?? name, `${GREEK[name] ?? name}_{${k}}`]),
  );
  return { ...own, y: `y_{${k}}`, ...(k > 1 ? { x: `y_{${k - 1}}` } : {}) };
}

/** @type {Record<string, string>} */
const GREEK = { gamma: "γ", beta: "β", omega: "ω", phi: "φ" };

/**
 * Return the name of an array in words, as the formulas have it.
 * @param {string} name
 * @param {Record<string, string>} names
 * @returns {string}
 */
function readable(name, names) {
  const plain = (/** @type {string} */ letter) =>
    (names[GREEK[letter] ?? letter] ?? GREEK[letter] ?? letter).replace(/_\{(\d+)\}/, (_, digits) =>
      below(digits),
    );
  if (name === "dz") return `∇ℓ at ${plain("z")}`;
  if (/^d[a-z]$/.test(name)) return `∇ℓ at ${plain(name.slice(1))}`;
  if (name === "y" && names.z) return "y, the target";
  return plain(name);
}

/**
 * @param {string} digits
 * @returns {string}
 */
function below(digits) {
  return [...digits].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
}

/**
 * Return the name of a parameter in words: A₁ for the A of the first layer.
 * @param {import("../engine/program.js").Parameter} one
 * @returns {string}
 */
export function spokenName(one) {
  const own = GREEK[one.own] ?? one.own;
  const at = one.path.split(".").map((part) => below(String(Number(part) + 1)));
  return `${own}${at.join("․")}`;
}

/**
 * @param {number} value
 * @returns {string}
 */
function bracket(value) {
  return value < 0 ? `(${number(value)})` : number(value);
}

/**
 * Return a sum of products in words.
 * @param {[number, number][]} pairs
 * @param {number} [last]  a summand at the end
 * @returns {string}
 */
function products(pairs, last) {
  const shown = pairs.slice(0, TERMS).map(([a, b]) => `${bracket(a)} · ${bracket(b)}`);
  if (pairs.length > TERMS) shown.push("…");
  if (last !== undefined) shown.push(bracket(last));
  return shown.join(" + ");
}

/**
 * Return how the first number that comes out is made, with the numbers put in.
 * @param {Instruction} one
 * @param {number} n
 * @param {any} session
 * @returns {string | null}
 */
function worked(one, n, session) {
  const c = one.settings;
  const [x, y, dy, dx] = ["x", "y", "dy", "dx"].map((name) => c[name]?.values);
  if (KINDS[one.type]?.slope) {
    return one.phase === "forward"
      ? `First entry: ${one.type} of ${number(x[0])} = ${number(y[0])}`
      : `First entry: ${bracket(dy[0])} · ${bracket(KINDS[one.type].slope?.(x[0], c) ?? 0)} = ${number(dx[0])}`;
  }
  if (one.type !== "Dense") return null;
  const count = (/** @type {number} */ length) => Array.from({ length }, (_, k) => k);
  if (one.phase === "forward") {
    const pairs = count(c.p).map((k) => /** @type {[number, number]} */ ([c.A[k], x[k]]));
    return `First unit, first row: ${products(pairs, c.b?.[0])} = ${number(y[0])}`;
  }
  if (one.phase === "backwardX") {
    const pairs = count(c.q).map((j) => /** @type {[number, number]} */ ([c.A[j * c.p], dy[j]]));
    return `First input, first row: ${products(pairs)} = ${number(dx[0])}`;
  }
  const pairs = count(n * c.each).map(
    (i) => /** @type {[number, number]} */ ([dy[i * c.q], x[i * c.p]]),
  );
  const own = one.parameters.find((parameter) => parameter.own === "A");
  const found = own ? session.training.program.gradient[own.offset] : 0;
  return `First entry of ∇A${n * c.each > 1 ? ", over the rows" : ""}: ${products(pairs)} = ${number(found)}`;
}
