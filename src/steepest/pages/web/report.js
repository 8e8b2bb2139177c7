// A report: its sections one below the other, with a list of them in front.

import { h, painted } from "./dom.js";
import { again } from "./sections/again.js";
import { answer } from "./sections/answer.js";
import { classes } from "./sections/classes.js";
import { columns } from "./sections/columns.js";
import { effects } from "./sections/effects.js";
import { gradients } from "./sections/gradients.js";
import { hardest } from "./sections/hardest.js";
import { network } from "./sections/network.js";
import { numbers } from "./sections/numbers.js";
import { slices } from "./sections/slices.js";
import { training } from "./sections/training.js";

/** @type {Record<string, {title: string, draw: (section: any) => (HTMLElement | null)[]}>} */
const SECTIONS = {
  answer: { title: "How good it is", draw: answer },
  classes: { title: "Right and wrong, class by class", draw: classes },
  numbers: { title: "Predicted and true values", draw: numbers },
  slices: { title: "Where it is worse", draw: slices },
  columns: { title: "What it looks at", draw: columns },
  effects: { title: "How predictions move with a column", draw: effects },
  hardest: { title: "The hardest rows", draw: hardest },
  training: { title: "How the training went", draw: training },
  gradients: { title: "The gradients of the training", draw: gradients },
  network: { title: "The network and what it computes", draw: network },
  again: { title: "To do it again", draw: again },
};

const report = JSON.parse(document.getElementById("document")?.textContent ?? "{}");
const AT_ONCE = 1; // sections that are drawn before the first paint

/** @type {[HTMLElement, any][]} */
const sections = report.sections.map((/** @type {any} */ section) => [
  h(
    "section",
    { id: section.name, "aria-labelledby": `${section.name}-title` },
    h("h2", { id: `${section.name}-title` }, SECTIONS[section.name].title),
  ),
  section,
]);

/** Draw the next section that is still empty, and the others one by one. */
function draw() {
  const next = sections.shift();
  if (next === undefined) {
    document.getElementById("page")?.setAttribute("data-drawn", "");
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
    return;
  }
  const [element, section] = next;
  element.append(...SECTIONS[section.name].draw(section).filter((one) => one !== null));
}

document
  .getElementById("page")
  ?.replaceChildren(
    h("header", {}, h("h1", {}, report.title), h("p", { class: "says" }, report.says)),
    h(
      "nav",
      { "aria-label": "Sections" },
      h(
        "ul",
        {},
        ...report.sections.map((/** @type {any} */ section) =>
          h("li", {}, h("a", { href: `#${section.name}` }, SECTIONS[section.name].title)),
        ),
      ),
    ),
    ...sections.map(([element]) => element),
  );
for (let k = 0; k < AT_ONCE; k++) draw();
painted(() => {
  while (sections.length) draw();
  draw();
});
