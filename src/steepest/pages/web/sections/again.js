// Command, settings, seed, versions and notes.

import { h, table } from "../dom.js";
import { count } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function again(section) {
  const facts = [];
  if (section.seed !== null) facts.push(["seed", String(section.seed)]);
  for (const [name, rows] of Object.entries(section.rows))
    facts.push([`rows: ${name}`, count(rows)]);
  for (const [name, version] of Object.entries(section.versions)) facts.push([name, version]);
  return [
    section.command ? h("pre", { tabindex: 0 }, section.command) : null,
    facts.length
      ? table([{ left: "what" }, { left: "value" }], facts, "What it was made with")
      : null,
    Object.keys(section.settings).length
      ? h(
          "details",
          {},
          h("summary", {}, "All settings"),
          table(
            [{ left: "setting" }, { left: "value" }],
            Object.entries(section.settings),
            "Settings",
          ),
        )
      : null,
    section.notes.length
      ? h(
          "details",
          {},
          h("summary", {}, "What was noted on the way"),
          h("ul", {}, ...section.notes.map((/** @type {string} */ line) => h("li", {}, line))),
        )
      : null,
  ];
}
