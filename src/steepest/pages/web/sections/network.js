// Layers, and every step of a prediction.

import { h, table } from "../dom.js";
import { count, counted } from "../format.js";

/**
 * @param {any} section
 * @returns {(HTMLElement | null)[]}
 */
export function network(section) {
  const several =
    section.networks > 1
      ? `the average of ${section.networks} networks, here the first; in all `
      : "";
  return [
    table(
      [{ left: "path" }, { left: "layer" }, "shape of an example", "parameters"],
      section.layers.map((/** @type {any} */ layer) => [
        layer.path,
        layer.layer,
        layer.shape.join(" × "),
        layer.parameters ? count(layer.parameters) : "",
      ]),
      `From ${section.inputs.join(" × ")} inputs; ${several}${counted(section.parameters, "parameter")}; loss ${section.loss}`,
    ),
    h(
      "details",
      {},
      h("summary", {}, "Every step of the computation of a prediction"),
      h("pre", { tabindex: 0 }, section.program),
    ),
  ];
}
