// Elements by name. Texts are always texts: nothing here reads HTML.

import { clipped, harmless } from "./format.js";

/**
 * @typedef {Node | string | number | null | undefined} Child
 * @typedef {Record<string, string | number | boolean | ((event: any) => void)>} Attributes
 */

const LONG = 28; // letters, from which on a cell has several lines
const AT_ONCE = 600; // letters that are shown of a text before it is opened
const OF_A_CELL = 160; // the same, in a table
const SPOKEN = new Set(["aria-label", "title"]);
const WHOLE = new Set(["pre", "style", "script"]);
const WORDS_ALONE = new Set(["option", "summary", "title", "text"]); // nothing can be opened in them

/**
 * Give an element its attributes; functions listen to the event of that name.
 * @param {Element} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (SPOKEN.has(name)) element.setAttribute(name, clipped(String(value), AT_ONCE));
    else if (value !== false) element.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) {
      element.append(child instanceof Node ? child : words(String(child), element.localName));
    }
  }
}

/**
 * Return a text as it stands in an element; a very long one is cut, and all of it can be opened.
 * @param {string} text
 * @param {string} tag
 * @returns {Node | string}
 */
function words(text, tag) {
  const most = tag === "td" || tag === "th" ? OF_A_CELL : AT_ONCE;
  if (text.length <= most || WHOLE.has(tag)) return harmless(text);
  if (WORDS_ALONE.has(tag)) return clipped(text, most);
  const all = document.createElement("span");
  all.textContent = harmless(text);
  all.tabIndex = 0; // it scrolls
  return h("details", { class: "cut" }, h("summary", {}, clipped(text, most)), all);
}

/**
 * Return an element of HTML.
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/**
 * Return an element of SVG.
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, attributes, children);
  return element;
}

/**
 * The head of a column of texts, which stand to the left; numbers stand to the right.
 * @typedef {{left: string}} Left
 */

/**
 * Return a table. Cells are texts or elements.
 * @param {(string | Left)[]} head
 * @param {Child[][]} rows
 * @param {string} [caption]
 * @returns {HTMLElement}
 */
export function table(head, rows, caption) {
  const left = head.map((name) => typeof name !== "string");
  const names = head.map((name) => (typeof name === "string" ? name : name.left));
  const kind = (/** @type {Child} */ value, /** @type {number} */ k) =>
    `${left[k] ? "left" : ""} ${typeof value === "string" && value.length > LONG ? "long" : ""}`;
  const cell = (/** @type {Child} */ value, /** @type {number} */ k) =>
    k === 0
      ? h("th", { scope: "row", class: kind(value, k) }, value)
      : h("td", { class: kind(value, k) }, value);
  return h(
    "div",
    {
      class: "scroll",
      tabindex: 0,
      role: "region",
      "aria-label": caption ?? names.join(", "),
    },
    h(
      "table",
      {},
      caption === undefined ? null : h("caption", {}, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...names.map((name, k) => h("th", { scope: "col", class: kind(name, k) }, name)),
        ),
      ),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))),
    ),
  );
}

/**
 * Return a paragraph that explains.
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function note(...children) {
  return h("p", { class: "note" }, ...children);
}

/**
 * Return the colour that the styles give to a name, as the browser computes it.
 * @param {string} name
 * @returns {string}
 */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Go on when what stands on the page is painted.
 * @param {() => void} next
 */
export function painted(next) {
  requestAnimationFrame(() => setTimeout(next));
}
