// A training while it goes: how far it is, its curves and its gradients; and a button to stop it.

import { lines } from "./charts/lines.js";
import { h } from "./dom.js";
import { count, number, sentence } from "./format.js";
import { gradientFigures } from "./sections/gradients.js";
import { trainingFigures } from "./sections/training.js";

const told = JSON.parse(document.getElementById("document")?.textContent ?? "{}");
const query = location.search;

const state = h("p", { class: "headline", "aria-live": "polite" }, "Waiting for the first step …");
const bar = h("progress", { max: 1, value: 0, "aria-label": "steps done" });
const said = h("p", { class: "note" });
const noise = h("p", { class: "note" });
const stop = /** @type {HTMLButtonElement} */ (
  h(
    "button",
    {
      type: "button",
      click: async () => {
        stop.disabled = true;
        const answer = await fetch(`/press/stop${query}`, { method: "POST" }).catch(() => null);
        said.textContent =
          answer?.ok === true
            ? "It stops at the end of the steps under way, and keeps the best network so far."
            : "The training can't be reached any more.";
      },
    },
    "Stop, and keep the best network",
  )
);
const begun = h("p", { class: "note" }, "The curves begin with the end of the first epoch.");
const training = h("div", { class: "figures" });
const gradients = h("div", { class: "figures" });

document
  .getElementById("page")
  ?.replaceChildren(
    h("header", {}, h("h1", {}, told.title), h("p", { class: "says" }, told.says)),
    state,
    h("p", {}, bar, " ", stop),
    said,
    h("section", { id: "training" }, h("h2", {}, "How the training goes"), begun, training),
    h("section", { id: "gradients" }, h("h2", {}, "Its gradients"), noise, gradients),
  );

/** @type {Map<string, any>} */
const drawn = new Map();

/**
 * Draw figures into a place, or give those that are there their new numbers.
 * @param {HTMLElement} place
 * @param {import("./charts/lines.js").Figure[]} figures
 */
function show(place, figures) {
  for (const figure of figures) {
    const key = `${place.parentElement?.id} ${figure.title}`;
    const element = drawn.get(key);
    if (element === undefined) {
      drawn.set(key, lines(figure));
      place.append(drawn.get(key));
    } else element.update(figure);
  }
}

/**
 * @param {number} seconds
 * @returns {string}
 */
function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * @param {any} news
 */
function hear(news) {
  if (news.progress) {
    const { epoch, epochs, step, steps, loss, rate, left } = news.progress;
    state.textContent =
      `Epoch ${count(Math.min(epoch + 1, epochs))} of at most ${count(epochs)}, ` +
      `loss ${number(loss)}; ${count(Math.round(rate))} rows/s, at most ${duration(left)} left`;
    bar.setAttribute("value", String(steps ? step / steps : 0));
  }
  if (news.training) begun.remove();
  if (news.training) show(training, trainingFigures(news.training));
  if (news.gradients) {
    noise.textContent = sentence(news.gradients.verdict);
    show(gradients, gradientFigures(news.gradients));
  } else if (news.awaited) {
    const { seconds, share } = news.awaited;
    const when = seconds > 0 ? `after ${duration(seconds)} of training at the earliest` : "soon";
    noise.textContent =
      `They are shown ${when}: looking at them takes at most ${number(100 * share)} % of ` +
      "the time.";
  }
  if (news.ended) end(news.ended);
}

/**
 * @param {string} text
 */
function end(text) {
  stop.disabled = true;
  state.textContent = text;
}

const source = new EventSource(`/news${query}`);
source.onmessage = (/** @type {MessageEvent} */ event) => hear(JSON.parse(event.data));
source.addEventListener("end", () => source.close());
source.onerror = () => {
  if (source.readyState === EventSource.CLOSED) end("The training has ended, or can't be reached.");
};
