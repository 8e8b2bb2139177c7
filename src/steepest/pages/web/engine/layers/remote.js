// Remote: a layer that Python computes, one question for each instruction. The page waits for the
// answer, since all that comes after it is computed from it.

import { sizeOf } from "../shapes.js";

/** @typedef {import("../kinds.js").Kind} Kind */

/**
 * Ask Python, and wait.
 * @param {string} name  of the question
 * @param {any} sent
 * @returns {any}
 */
export function ask(name, sent) {
  const request = new XMLHttpRequest();
  request.open("POST", `/ask/${name}${location.search}`, false);
  try {
    request.send(JSON.stringify(sent));
  } catch {
    throw new Error("Python can't be reached any more, and a layer here is computed by it.");
  }
  if (request.status !== 200) throw new Error(request.responseText || "Python gave no answer.");
  return JSON.parse(request.responseText);
}

/**
 * Return numbers as text, as Python unpacks them.
 * @param {Float64Array} values
 * @returns {string}
 */
function pack(values) {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  let text = "";
  for (let k = 0; k < bytes.length; k += 8192) {
    text += String.fromCharCode(...bytes.subarray(k, k + 8192));
  }
  return btoa(text);
}

/**
 * Return numbers from the text that Python packed them into.
 * @param {string} text
 * @returns {Float32Array}
 */
export function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = letters.charCodeAt(k);
  return new Float32Array(bytes.buffer);
}

/**
 * Return what a question on a layer begins with.
 * @param {any} s
 * @returns {any}
 */
function about(s) {
  return { layer: s.layer, shape: s.shape, state: s.state };
}

/** @type {Kind} */
export const Remote = {
  settings: {},
  outputShape(s, shape) {
    const p = sizeOf(shape);
    if (p !== s.inputs) throw new Error(`${s.spelled} takes ${s.inputs} numbers here, not ${p}.`);
    return s.output_shape;
  },
  parameters: (s) => s.parameters,
  init(random, theta, s) {
    const seed = Math.floor(random.uniform() * 2 ** 31);
    for (const [name, text] of Object.entries(ask("start", { ...about(s), seed }))) {
      theta[name].set(unpack(text));
    }
  },
  lower(low, s, x, path) {
    const names = Object.keys(s.parameters);
    const y = low.array(path, "y", s.output_shape);
    const views = low.views(path, ...names);
    const call = { ...s, p: x.width, q: s.outputs, x, y };
    const kind = { name: s.layer.type, remote: true, settings: {} };
    const question = (/** @type {any} */ c) => ({
      ...about(s),
      theta: Object.fromEntries(names.map((name) => [name, pack(views[name])])),
      x: pack(c.x.subarray(0, c.n * c.p)),
    });
    low.emit("forward", path, kind, call, ["x"], ["y"], (c) => {
      c.y.set(unpack(ask("compute", question(c)).y));
    });
    return [
      y,
      (dy, wantsDx) => {
        /** @type {any} */
        let answer = null;
        const back = (/** @type {any} */ c) =>
          (answer = ask("compute", { ...question(c), dy: pack(c.dy.subarray(0, c.n * c.q)) }));
        const dx = wantsDx ? low.array(path, "dx", x.shape) : null;
        if (dx) {
          low.emit("backwardX", path, kind, { ...call, dy, dx }, ["x", "dy"], ["dx"], (c) => {
            c.dx.set(unpack(back(c).dx));
          });
        }
        if (names.length) {
          low.emit("backwardTheta", path, kind, { ...call, dy }, ["x", "dy"], [], (c) => {
            const { theta } = answer ?? back(c);
            answer = null;
            for (const name of names) {
              const [sum, share] = [views[`d${name}`], unpack(theta[name])];
              for (let k = 0; k < share.length; k++) sum[k] += share[k];
            }
          });
        }
        return dx;
      },
    ];
  },
};

/**
 * Return a record as Python writes it.
 * @param {any} record
 * @returns {any}
 */
function local(record) {
  if (record.type === "Remote") return record.layer;
  const { state: _, cut: __, spelled: ___, ...own } = record;
  return own.layers ? { ...own, layers: own.layers.map(local) } : own;
}

/**
 * Return the state that layers hold, by its names in the network.
 * @param {any[]} records
 * @param {string} [path]
 * @returns {Record<string, string>}
 */
function states(records, path = "") {
  return Object.assign(
    {},
    ...records.map((record, k) =>
      Object.assign(
        Object.fromEntries(
          Object.entries(record.state ?? {}).map(([name, text]) => [`${path}${k}.${name}`, text]),
        ),
        states(record.layers ?? [], `${path}${k}.`),
      ),
    ),
  );
}

/** All of a network that has remote layers, by one question: their arrays stay where they are. */
export class Whole {
  /**
   * @param {import("../program.js").Network} network
   * @param {number[]} shape  of an example
   */
  constructor(network, shape) {
    this.network = network;
    this.about = {
      layer: local(network.record),
      shape,
      state: states(network.layers),
    };
  }

  /**
   * @param {Float64Array} x
   * @returns {any}
   */
  question(x) {
    const { network } = this;
    const named = network.parameters.map((one) => [one.name, pack(network.view(one))]);
    return { ...this.about, theta: Object.fromEntries(named), x: pack(x) };
  }

  /**
   * Return the outputs for rows x.
   * @param {Float64Array} x
   * @returns {Float32Array}
   */
  forward(x) {
    return unpack(ask("compute", this.question(x)).y);
  }

  /**
   * Write ∇θ into a vector like θ.
   * @param {Float64Array} x
   * @param {Float64Array} dz
   * @param {Float64Array} gradient
   */
  backward(x, dz, gradient) {
    const { theta } = ask("compute", { ...this.question(x), dy: pack(dz) });
    for (const one of this.network.parameters) {
      this.network.view(one, gradient).set(unpack(theta[one.name]));
    }
  }
}

/**
 * Return the names of remote layers among records.
 * @param {any[]} records
 * @returns {string[]}
 */
export function remoteIn(records) {
  const found = records.flatMap((record) =>
    record.type === "Remote" ? [record.layer.type] : remoteIn(record.layers ?? []),
  );
  return [...new Set(found)];
}
