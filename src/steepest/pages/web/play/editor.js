// The layers as a list that can be changed, and the settings of the training.

import { h } from "../dom.js";
import { KINDS } from "../engine/kinds.js";
import { complete, shapeOf } from "../engine/program.js";
import { RULES } from "../engine/rules.js";
import { typeOf } from "./session.js";

const ADDED = [
  ["Dense", "ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "SELU", "LeakyReLU", "Softplus", "Mish"],
  ["LayerNorm", "RMSNorm", "Scale", "Affine", "PReLU", "Softmax"],
].flat();
/** What Python computes, of pictures, as it is added. */
const OF_PICTURES = {
  Conv2D: { filters: 4, kernel_size: 3 },
  MaxPool: { size: 2 },
  BatchNorm: {},
  GlobalAveragePool: {},
  Flatten: {},
};
const ACTIVATIONS = Object.keys(KINDS).filter((name) => KINDS[name].slope);
const LOSSES = {
  binary: ["Logistic", "Hinge", "Squared"],
  multiclass: ["SoftmaxCrossEntropy"],
  regression: ["Squared", "Absolute", "Huber"],
};
/** What turns a table into numbers, and members: the layers behind can't do without. */
const FIXED = ["Parallel", "Concat", "Embedding", "EmbeddingBag", "Adapters", "Heads", "Average"];
const MOST_UNITS = 256;
const BATCHES = [1, 4, 16, 32, 64, 128, 256];

/** The list of layers. */
export class Editor {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.list = h("ol", { class: "layers" });
    this.said = h("p", { class: "note", role: "status" });
    const { record, served } = app.rows;
    const names = served && record.pixels ? [...Object.keys(OF_PICTURES), ...ADDED] : ADDED;
    this.added = /** @type {HTMLSelectElement} */ (
      h(
        "select",
        { id: "added", "aria-label": "layer to add" },
        ...names.map((name) => h("option", {}, name)),
      )
    );
    this.before = /** @type {HTMLSelectElement} */ (
      h("select", { id: "before", "aria-label": "before which layer" })
    );
    this.element = h(
      "div",
      {},
      this.list,
      h(
        "div",
        { class: "fields" },
        this.added,
        h("button", { type: "button", click: () => this.add() }, "Add before"),
        this.before,
      ),
      this.said,
    );
  }

  /** Show the layers as they are. */
  draw() {
    const { session, rows } = this.app;
    const last = session.layers.length - 1;
    let shape = rows.record.shape;
    const chosen = this.before.selectedIndex;
    this.before.replaceChildren(
      ...session.layers.map((/** @type {any} */ layer, /** @type {number} */ k) =>
        h("option", { value: k }, `layer ${k + 1}, ${typeOf(layer)}`),
      ),
    );
    this.before.selectedIndex = chosen >= 0 && chosen < last ? chosen : last;
    this.list.replaceChildren(
      ...session.layers.map((/** @type {any} */ layer, /** @type {number} */ k) => {
        const s = complete(layer);
        const behind = shapeOf(layer, shape);
        const item = h(
          "li",
          {},
          ...this.parts(s, k, k === last, `layer ${k + 1}`),
          h("span", { class: "sizes" }, `${shape.join("×")} → ${behind.join("×")}`),
        );
        shape = behind;
        return item;
      }),
    );
  }

  /**
   * @param {any} s
   * @param {number} k
   * @param {boolean} last
   * @param {string} name
   * @returns {Node[]}
   */
  parts(s, k, last, name) {
    const change = (/** @type {any} */ record) => this.change(k, record);
    const button = (
      /** @type {string} */ text,
      /** @type {string} */ label,
      /** @type {() => void} */ click,
      disabled = false,
    ) =>
      h("button", { type: "button", class: "small", "aria-label": label, click, disabled }, text);
    /** @type {Node[]} */
    const found = [];
    if (ACTIVATIONS.includes(s.type)) {
      found.push(
        h(
          "select",
          { "aria-label": `function of ${name}`, change: (e) => change({ type: e.target.value }) },
          ...ACTIVATIONS.map((one) => h("option", { selected: one === s.type }, one)),
        ),
      );
    } else found.push(h("b", { title: s.spelled ?? s.type }, typeOf(s)));
    if (s.type === "Dense" && !last) {
      const units = (/** @type {number} */ count) =>
        change({ ...s, units: Math.min(MOST_UNITS, Math.max(1, count)) });
      found.push(
        button("−", `fewer units in ${name}`, () => units(s.units - 1), s.units === 1),
        h("input", {
          type: "number",
          "aria-label": `units of ${name}`,
          min: 1,
          max: MOST_UNITS,
          value: s.units,
          change: (e) => units(Math.round(Number(e.target.value)) || 1),
        }),
        button("+", `more units in ${name}`, () => units(s.units + 1)),
      );
    }
    if (!last && !FIXED.includes(s.type))
      found.push(button("×", `remove ${name}, ${typeOf(s)}`, () => this.change(k, null)));
    return found;
  }

  /**
   * @param {number} k
   * @param {any} record  null to remove the layer
   */
  change(k, record) {
    const layers = [...this.app.session.layers];
    layers.splice(k, 1, ...(record ? [record] : []));
    this.try(layers);
  }

  /** Add the chosen layer. */
  add() {
    const layers = [...this.app.session.layers];
    const type = this.added.value;
    const own = type === "Dense" ? { units: 4 } : Object(OF_PICTURES)[type];
    layers.splice(this.before.selectedIndex, 0, { type, ...own });
    this.try(layers);
  }

  /** @param {any[]} layers */
  try(layers) {
    try {
      this.app.session.setLayers(layers);
      this.said.textContent = "";
    } catch (error) {
      this.said.textContent = String(/** @type {Error} */ (error).message);
    }
    const at = this.place();
    this.app.changed();
    this.find(at)?.focus();
  }

  /** @returns {string | null} */
  place() {
    return document.activeElement?.getAttribute("aria-label") ?? null;
  }

  /**
   * @param {string | null} label
   * @returns {HTMLElement | undefined}
   */
  find(label) {
    const all = /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[aria-label]"));
    return [...all].find((one) => one.getAttribute("aria-label") === label);
  }
}

/**
 * Return the settings of the training.
 * @param {any} app
 * @returns {HTMLElement}
 */
export function settings(app) {
  const { session, rows } = app;
  const kind = /** @type {keyof typeof LOSSES} */ (rows.task.kind);
  const names = [...new Set([...LOSSES[kind], session.loss.type])];
  const select = (
    /** @type {string} */ id,
    /** @type {string[]} */ all,
    /** @type {string} */ chosen,
    /** @type {(value: string) => void} */ set,
  ) =>
    h(
      "select",
      { id, change: (e) => set(e.target.value) },
      ...all.map((one) => h("option", { selected: one === chosen }, one)),
    );
  const number = (
    /** @type {string} */ id,
    /** @type {number} */ value,
    /** @type {number} */ step,
    /** @type {(value: number) => void} */ set,
  ) =>
    h("input", {
      id,
      type: "number",
      value,
      step,
      min: 0,
      change: (e) => set(Math.max(0, Number(e.target.value) || 0)),
    });
  const field = (
    /** @type {string} */ id,
    /** @type {string} */ text,
    /** @type {Node} */ control,
  ) => h("div", { class: "field" }, h("label", { for: id }, text), control);
  const rule = (/** @type {any} */ next) => {
    session.rule = next;
    session.training.setRule(next);
    app.changed();
  };
  const sizes = [...BATCHES.filter((size) => size < rows.train).map(String), `all ${rows.train}`];
  const all = session.batch >= rows.train;
  return h(
    "div",
    { class: "settings" },
    field(
      "loss",
      "loss ℓ",
      select("loss", names, session.loss.type, (type) => {
        session.loss = { type };
        session.begin();
        app.changed();
      }),
    ),
    field(
      "rule",
      "rule",
      select("rule", Object.keys(RULES), session.rule.type, (type) =>
        rule({ type, lr: type === "Adam" ? 0.01 : 0.1 }),
      ),
    ),
    field(
      "lr",
      "step η",
      number("lr", session.rule.lr, 0.01, (lr) => rule({ ...session.rule, lr })),
    ),
    ...(session.rule.type === "SGD"
      ? [
          field(
            "momentum",
            "momentum μ",
            number("momentum", session.rule.momentum ?? 0, 0.1, (momentum) =>
              rule({ ...session.rule, momentum: Math.min(1, momentum) }),
            ),
          ),
        ]
      : []),
    field(
      "batch",
      "rows a step",
      select("batch", sizes, all ? sizes[sizes.length - 1] : String(session.batch), (value) => {
        session.batch = Number(value) || rows.train;
        session.begin();
        app.changed();
      }),
    ),
  );
}
