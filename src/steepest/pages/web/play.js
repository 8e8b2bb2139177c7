// The playground: rows, a network, and every number of its training.

import { lines } from "./charts/lines.js";
import { remoteIn } from "./engine/layers/remote.js";
import { h, note, painted } from "./dom.js";
import { brief, count, counted, number, percent } from "./format.js";
import { Rows } from "./play/data.js";
import { Diagram } from "./play/diagram.js";
import { Editor, settings } from "./play/editor.js";
import { takeAlong } from "./play/exports.js";
import { Landscape } from "./play/landscape.js";
import { Pictures } from "./play/pictures.js";
import { Scatter } from "./play/scatter.js";
import { Session } from "./play/session.js";
import { Steps } from "./play/steps.js";
import { Surface, option } from "./play/surface.js";

const FRAME = 12; // ms of a frame that steps may take
const PAUSE = 100; // ms before the surface is drawn finely
const LONG = 1e5; // products for a row: figures that take thousands of rows then wait for a button
const SELDOM = 6; // frames between what takes longer

/** @typedef {Steps | Scatter | Landscape} Part */

/** All of the page. */
export class App {
  /**
   * @param {any} told
   * @param {HTMLElement} place
   * @param {HTMLElement} header  what stands in the place already
   */
  constructor(told, place, header) {
    this.told = told;
    this.header = header;
    this.chosen = told.chosen ?? 0;
    this.rows = new Rows(told.sets[this.chosen], told.served);
    this.session = new Session(this.rows);
    this.running = false;
    /** @type {{before: Float64Array, gradient: Float64Array} | null} */
    this.stepped = null;
    this.surface = this.rows.record.pixels ? new Pictures(this) : new Surface(this);
    this.diagram = new Diagram();
    this.editor = new Editor(this);
    this.steps = new Steps(this);
    this.scatter = new Scatter(this);
    this.landscape = new Landscape(this);
    this.settings = h("div");
    this.sliders = h("div", { class: "sliders" });
    this.said = h("p", { class: "prediction", role: "status" });
    this.state = h("p", { class: "state", role: "status" });
    this.curves = lines(this.figure());
    /** @type {[Part, HTMLElement][]} figures that take long of some networks */
    this.asked = [];
    /** @type {Set<Part>} what is drawn when it comes into sight */
    this.stale = new Set();
    header.querySelector("#which")?.addEventListener("change", (/** @type {any} */ event) => {
      this.open(Number(event.target.value));
    });
    // A layer that Python computes may get no answer.
    addEventListener("error", (event) => {
      this.pause();
      this.state.textContent = event.message.replace("Uncaught Error: ", "");
    });
    place.append(...this.page());
    this.begin();
    // What is written is painted first, then what is drawn.
    painted(() => {
      this.draw();
      this.watch();
      place.setAttribute("data-drawn", "");
    });
  }

  /** @returns {Node[]} */
  page() {
    const section = (
      /** @type {string} */ id,
      /** @type {string} */ name,
      /** @type {(Node | null)[]} */ ...parts
    ) =>
      h(
        "section",
        { id, "aria-labelledby": `${id}-title` },
        h("h2", { id: `${id}-title` }, name),
        ...parts,
      );
    return [
      this.bar(),
      section(
        "network",
        "A network and what it says",
        h(
          "div",
          { class: "workbench" },
          this.surface.element,
          h("div", {}, this.diagram.element, this.editor.element),
          h("div", {}, this.settings, this.curves),
          this.whatIf(),
        ),
      ),
      section("step", "One step, instruction by instruction", this.steps.element),
      h(
        "div",
        { class: "pair" },
        section(
          "expectation",
          "The gradient of one row, and of all",
          note(
            "A step on all rows goes along the mean of the gradients of single rows. A step on one row, or on B of them, " +
              "goes along another arrow, which is that mean in expectation.",
          ),
          this.onRequest(this.scatter),
          this.scatter.element,
        ),
        section(
          "descent",
          "The way down",
          note(
            "The objective is a landscape over θ. Here two directions of it are drawn, and descents that may move along " +
              "these two alone, so that they lie on the picture.",
          ),
          this.onRequest(this.landscape),
          this.landscape.element,
        ),
      ),
      section("take", "To take along", takeAlong(this)),
    ];
  }

  /**
   * Return a button that computes a figure, for networks of which it takes seconds: large ones, and
   * those that Python computes a part of.
   * @param {Part} part
   * @returns {HTMLElement}
   */
  onRequest(part) {
    const button = h(
      "button",
      {
        type: "button",
        click: () => {
          part.element.hidden = false;
          part.draw();
        },
      },
      "Compute this figure",
    );
    this.asked.push([part, button]);
    return button;
  }

  /** @returns {HTMLElement} */
  bar() {
    const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
      h("button", { type: "button", click }, text);
    this.runButton = h(
      "button",
      { type: "button", class: "run", click: () => this.toggle() },
      "Run",
    );
    return h(
      "div",
      { class: "bar-of-buttons", role: "group", "aria-label": "Training" },
      h(
        "div",
        { class: "buttons" },
        this.runButton,
        button("One epoch", () => this.epoch()),
        button("One step", () => this.step()),
        button("One instruction", () => this.instruction()),
        button("Start again", () => this.again()),
      ),
      this.state,
    );
  }

  /** @returns {HTMLElement} */
  whatIf() {
    const row = h("input", {
      id: "row",
      type: "number",
      min: 0,
      max: this.rows.count - 1,
      value: 0,
      change: (event) => {
        const last = this.rows.count - 1;
        this.hold(Math.min(last, Math.max(0, Math.round(Number(event.target.value)) || 0)));
      },
    });
    this.rowInput = /** @type {HTMLInputElement} */ (row);
    return h(
      "div",
      { class: "what-if" },
      h("h3", {}, this.rows.record.pixels ? "One picture" : "What if"),
      h(
        "div",
        { class: "fields" },
        h("label", { for: "row" }, "row of this page"),
        row,
        this.rows.record.pixels
          ? null
          : h("button", { type: "button", click: () => this.hold(this.surface.row) }, "As it was"),
      ),
      this.said,
      this.sliders,
    );
  }

  /** Show rows and a network that are new. */
  begin() {
    this.surface.reset();
    if (this.rowInput) {
      this.rowInput.max = String(this.rows.count - 1);
      this.rowInput.value = String(this.surface.row);
    }
    this.sliders.replaceChildren(...this.surface.sliders());
    this.renew();
  }

  /**
   * Open another set of rows.
   * @param {number} chosen
   */
  open(chosen) {
    this.pause();
    this.chosen = chosen;
    this.rows = new Rows(this.told.sets[chosen], this.told.served);
    this.session = new Session(this.rows);
    const says = this.header.querySelector(".says");
    if (says) says.textContent = about(this.rows.record);
    this.begin();
    this.draw();
  }

  /** Show a network or a training that has changed. */
  changed() {
    this.renew();
    this.draw();
  }

  /** Write the network and the settings anew. */
  renew() {
    this.stepped = null;
    const remote = remoteIn(this.session.layers).length > 0;
    const long = remote || this.session.other.products > LONG;
    for (const [part, button] of this.asked) {
      button.hidden = !long;
      part.element.hidden = long;
    }
    const at = document.activeElement?.id;
    this.settings.replaceChildren(settings(this));
    if (at) document.getElementById(at)?.focus();
    this.editor.draw();
    this.landscape.reset();
  }

  /** Draw everything; what is out of sight, later. */
  draw() {
    this.quickly();
    this.tell();
    this.diagram.draw(this.session, this.active());
    Object(this.curves).update(this.figure());
    this.later();
  }

  /** Draw what is far down the page when it is looked at. */
  later() {
    for (const part of [this.steps, this.scatter, this.landscape]) {
      this.stale.add(part);
      if (this.inSight(part.element)) this.fresh(part);
    }
  }

  /**
   * @param {Part} part
   */
  fresh(part) {
    if (this.running || part.element.hidden || !this.stale.delete(part)) return;
    part.draw();
  }

  /**
   * @param {HTMLElement} element
   * @returns {boolean}
   */
  inSight(element) {
    const box = element.getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  }

  /** Draw what comes into sight, and all when the size or the colours change. */
  watch() {
    const parts = [this.steps, this.scatter, this.landscape];
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const part = parts.find((one) => one.element === entry.target);
        if (part && entry.isIntersecting) this.fresh(part);
      }
    });
    parts.forEach((part) => seen.observe(part.element));
    let wide = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth !== wide) this.draw();
      wide = innerWidth;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** @returns {import("./charts/lines.js").Figure} */
  figure() {
    const { history } = this.session;
    return {
      title: "Loss",
      x: "step",
      at: history.map((one) => one.step),
      lines: [
        { label: "rows trained on", values: history.map((one) => one.loss) },
        { label: "rows held out", values: history.map((one) => one.held), dashed: true },
      ],
    };
  }

  /** @returns {{path: string, backward: boolean, done: boolean} | null} */
  active() {
    const { training } = this.session;
    if (this.stepped || !training.begun || training.next === 0) return null;
    const one = training.program.instructions[training.next - 1];
    return { path: one.path, backward: one.phase !== "forward", done: false };
  }

  /** Say how far the training is. */
  tell() {
    const { training, history } = this.session;
    const last = history[history.length - 1];
    const right = this.rows.classes.length
      ? `, ${percent(this.session.measure(true).right)} of them right`
      : "";
    this.state.textContent =
      `Step ${count(training.steps)}, epoch ${count(training.epochs)}. Loss ${number(last.loss)}; ` +
      `${number(last.held)} on rows held out${right}.`;
    this.said.textContent = `Of ${this.rows.nameOf(this.surface.row)} the network says ${this.surface.said()}. It is ${this.surface.truth()}.`;
  }

  /** Show what the network says of values that have changed. */
  moved() {
    this.quickly();
    this.said.textContent = `With these values, the network says ${this.surface.said()}.`;
  }

  /** Draw the surface coarsely now, and finely when nothing else has been asked for. */
  quickly() {
    this.surface.draw(true);
    clearTimeout(this.fine);
    this.fine = setTimeout(() => this.running || this.surface.draw(), PAUSE);
  }

  /**
   * Look at a row.
   * @param {number} row
   */
  hold(row) {
    this.surface.hold(row);
    if (this.rowInput) this.rowInput.value = String(row);
    this.sliders.replaceChildren(...this.surface.sliders());
    this.surface.draw();
    this.tell();
  }

  /** Run, or pause. */
  toggle() {
    if (this.running) {
      this.pause();
      this.draw();
      return;
    }
    this.running = true;
    this.stepped = null;
    if (this.runButton) this.runButton.textContent = "Pause";
    let frames = 0;
    const frame = () => {
      if (!this.running) return;
      const end = performance.now() + FRAME;
      let fine = true;
      while (fine && performance.now() < end) fine = Number.isFinite(this.session.training.step());
      if (!fine) {
        this.diverged();
        return;
      }
      this.surface.draw(true);
      if (frames++ % SELDOM === 0) {
        this.session.note();
        this.tell();
        this.diagram.draw(this.session, null);
        Object(this.curves).update(this.figure());
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Stop running. */
  pause() {
    if (!this.running) return;
    this.running = false;
    this.session.note();
    if (this.runButton) this.runButton.textContent = "Run";
  }

  /** Say that steps were too long. */
  diverged() {
    this.pause();
    this.draw();
    this.state.textContent =
      "The training diverged: numbers grew beyond all bounds. Take a smaller step η, and start again.";
  }

  /** Finish the step under way, or do one. */
  step() {
    this.pause();
    this.stepped = null;
    const loss = this.session.training.step();
    this.session.note();
    if (Number.isFinite(loss)) this.draw();
    else this.diverged();
  }

  /** Do the steps that are left of an epoch. */
  epoch() {
    this.pause();
    this.stepped = null;
    const { training } = this.session;
    const before = training.epochs;
    let loss = 0;
    while (training.epochs === before && Number.isFinite(loss)) loss = training.step();
    this.session.note();
    if (Number.isFinite(loss)) this.draw();
    else this.diverged();
  }

  /** Compute one line of a step. */
  instruction() {
    this.pause();
    this.stepped = null;
    const { training, network } = this.session;
    const last = training.begun && training.next === training.program.instructions.length;
    const kept = last
      ? { before: network.theta.slice(), gradient: training.program.gradient.slice() }
      : null;
    training.instruction();
    if (kept) {
      this.stepped = kept;
      this.session.note();
      this.draw();
    }
    this.diagram.draw(this.session, this.active());
    this.steps.draw();
    this.stale.delete(this.steps);
    if (!this.inSight(this.steps.element)) {
      document.getElementById("step")?.scrollIntoView({ block: "start" });
    }
  }

  /** Begin anew from other parameters. */
  again() {
    this.pause();
    this.session.seed++;
    this.session.build();
    this.changed();
  }
}

/**
 * Return what the page says of its rows.
 * @param {any} record
 * @returns {string}
 */
function about({ says, unshown, task }) {
  const more = unshown
    ? ` ${counted(unshown, "more column is an input, but has", "more columns are inputs, but have")} no slider and no axis.`
    : "";
  return `${says}${more} To predict: ${brief(task.name)}.`;
}

/**
 * Return what the page begins with.
 * @param {any} told
 * @returns {HTMLElement}
 */
function headerOf({ title, sets, chosen = 0 }) {
  const which = h(
    "select",
    { id: "which" },
    ...sets.map((/** @type {any} */ one, /** @type {number} */ k) =>
      option(k, one.name, k === chosen),
    ),
  );
  return h(
    "header",
    {},
    h("h1", {}, title),
    h("p", { class: "says" }, about(sets[chosen])),
    sets.length > 1 ? h("label", { class: "which" }, "rows ", which) : null,
  );
}

const place = document.getElementById("page");
const told = JSON.parse(document.getElementById("document")?.textContent ?? "{}");
if (place) {
  const header = headerOf(told);
  place.classList.add("wide");
  place.replaceChildren(header);
  painted(() => Object.assign(window, { playground: new App(told, place, header) }));
}
