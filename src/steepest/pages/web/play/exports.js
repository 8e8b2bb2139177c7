// What can be taken along: Python code, one file of HTML, a model folder.

import { h } from "../dom.js";
import { harmless } from "../format.js";
import { remoteIn } from "../engine/layers/remote.js";
import { literal, spelled } from "./session.js";

const QUERY = location.search;

/**
 * Return Python that trains the same network.
 * @param {any} app
 * @returns {string}
 */
export function python(app) {
  const { session, rows } = app;
  const made = [...session.layers.map(spelled)];
  const record = (/** @type {any} */ { type, ...settings }) =>
    `${type}(${Object.entries(settings)
      .map(([name, value]) => `${name}=${literal(value)}`)
      .join(", ")})`;
  const [loss, rule] = [record(session.loss), record(session.rule)];
  const names = new Set(["Network", "Trainer"]);
  for (const text of [...made, loss, rule]) {
    for (const [name] of text.matchAll(/\b[A-Z]\w*(?=\()/g)) names.add(name);
  }
  const lines = [
    `"""A network from the playground of ${comment(rows.record.name)}."""`,
    "",
    ...(rows.record.toy ? ["import base64", ""] : []),
    ...(rows.record.toy || rows.record.pixels ? ["import numpy as np", ""] : []),
    `from steepest import ${[...names].sort().join(", ")}`,
    ...(rows.record.toy
      ? toy(rows.record)
      : rows.record.pixels
        ? pictures(rows.record)
        : table(rows.record)),
    "",
    "network = Network(",
    ...made.map((text) => `    ${text},`),
    `    inputs=${rows.record.pixels ? "X.shape[1:]" : "X.shape[1]"},`,
    ")",
    `trainer = Trainer(network, ${loss}, ${rule}, batch=${session.batch})`,
    "history = trainer.fit(X, y, epochs=20)",
    "print(history)",
    "",
  ];
  return harmless(lines.join("\n")); // as escapes within strings, which Python reads, too
}

/**
 * @param {string} text
 * @returns {string}
 */
function comment(text) {
  return text.replace(/[^\w .()-]/gu, "_");
}

/**
 * @param {any} record
 * @returns {string[]}
 */
function toy(record) {
  return [
    "",
    `X = np.frombuffer(base64.b64decode("${record.X}"), "<f4").reshape(${record.rows}, -1)`,
    `y = np.frombuffer(base64.b64decode("${record.y}"), "<f4")`,
  ];
}

/**
 * @param {any} record
 * @returns {string[]}
 */
function pictures(record) {
  const [high, wide] = record.shape;
  const read = record.archive
    ? [
        `images, labels, *_ = read_archive(Path(${JSON.stringify(record.name)}))`,
        "images = as_images(images, 'X')",
      ]
    : [
        `read = read_folder(${JSON.stringify(record.name)}, size=(${high}, ${wide}))`,
        "images, labels = read.images, read.labels",
      ];
  const from = record.archive
    ? [
        "from pathlib import Path",
        "",
        "from steepest.images.archives import read_archive",
        "from steepest.images.arrays import as_images",
      ]
    : ["from steepest.images.files import read_folder"];
  return [
    ...from,
    "",
    ...read,
    `X = (images - np.array(${literal(record.mean)})) * np.array(${literal(record.scale)})`,
    "y = np.unique(labels, return_inverse=True)[1]",
  ];
}

/**
 * @param {any} record
 * @returns {string[]}
 */
function table(record) {
  const target = JSON.stringify(record.task.name);
  const left = JSON.stringify(record.left);
  const columns = JSON.stringify(record.columns.map((/** @type {any} */ one) => one.name));
  return [
    "from steepest.tables.encoder import Encoder",
    "from steepest.tables.files import read_table",
    "from steepest.tables.task import infer_task",
    "",
    `table = read_table(${JSON.stringify(record.name)})`,
    `target = table.column(${target})`,
    `task = infer_task(target, ${target})`,
    "known = task.rows(target)",
    "table = table.filter(known)",
    `inputs = ${record.unshown ? `[name for name in table.column_names if name not in ${left}]` : columns}`,
    "encoder, X = Encoder.fit_transform(table, inputs)",
    `y = task.encode(table.column(${target}))`,
  ];
}

/**
 * Return numbers as `unpack` takes them.
 * @param {Float64Array} values
 * @returns {string}
 */
function pack(values) {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, k) => view.setFloat32(4 * k, value, true));
  let text = "";
  for (const byte of new Uint8Array(view.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * Return this page with its network as it is now, as one file that asks nothing of any server.
 * @param {any} app
 * @returns {string}
 */
export function wholePage(app) {
  const { session, told, chosen } = app;
  const { network } = session;
  const sets = [...told.sets];
  sets[chosen] = {
    ...sets[chosen],
    layers: session.layers,
    loss: session.loss,
    rule: session.rule,
    batch: session.batch,
    theta: Object.fromEntries(
      network.parameters.map((/** @type {any} */ one) => [one.name, pack(network.view(one))]),
    ),
  };
  const json = JSON.stringify({ ...told, sets, place: null, served: false, chosen }).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const text = (/** @type {string} */ selector) =>
    document.querySelector(selector)?.textContent ?? "";
  const policy = document
    .querySelector("meta[http-equiv]")
    ?.getAttribute("content")
    ?.replace("connect-src 'self'; ", "");
  const escape = (/** @type {string} */ value) =>
    value.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  // Tags are put together, since one that ends a script would end the script that this is.
  const tag = (/** @type {string} */ name, /** @type {string} */ inner, attributes = "") =>
    `<${name}${attributes}>${inner}</${name}>`;
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    tag("title", escape(told.title)),
    tag("style", text("head style")),
  ];
  const body = [
    tag("main", "", ' id="page"'),
    tag("script", json, ' type="application/json" id="document"'),
    tag("script", text("body script:not([type])")),
  ];
  const inner = `\n${tag("head", head.join("\n"))}\n${tag("body", body.join("\n"))}\n`;
  return `<!doctype html>\n${tag("html", inner, ' lang="en"')}\n`;
}

/**
 * Hand a text to the reader as a file.
 * @param {string} text
 * @param {string} name
 * @param {string} type
 */
function download(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = /** @type {HTMLAnchorElement} */ (h("a", { href: address, download: name }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/**
 * Return the section.
 * @param {any} app
 * @returns {HTMLElement}
 */
export function takeAlong(app) {
  const said = h("p", { class: "says", role: "status" });
  const code = h("pre", { tabindex: 0, id: "code" });
  const details = /** @type {HTMLDetailsElement} */ (
    h(
      "details",
      { toggle: () => (code.textContent = details.open ? python(app) : "") },
      h("summary", {}, "Python that trains this network"),
      code,
    )
  );
  const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
    h("button", { type: "button", click }, text);
  const kept = async () => {
    const { session, chosen } = app;
    const { network } = session;
    const sent = {
      set: chosen,
      layers: session.layers,
      loss: session.loss,
      theta: Object.fromEntries(
        network.parameters.map((/** @type {any} */ one) => [one.name, [...network.view(one)]]),
      ),
    };
    const answer = await fetch(`/ask/keep${QUERY}`, {
      method: "POST",
      body: JSON.stringify(sent),
    }).catch(() => null);
    const words = answer ? await answer.text() : "Python can't be reached any more";
    said.textContent = answer?.ok
      ? `Written to ${app.told.place}: a ${words}.`
      : `Not written: ${words}`;
  };
  return h(
    "div",
    {},
    h(
      "div",
      { class: "fields" },
      button("Python code", () => download(python(app), "network.py", "text/x-python")),
      button("This page as one file", () => {
        const remote = remoteIn(app.session.layers);
        said.textContent = remote.length
          ? `Python computes ${remote.join(", ")}, so this network can't be in a file without it. Remove these layers first.`
          : "";
        if (!remote.length) download(wholePage(app), "playground.html", "text/html");
      }),
      app.told.place ? button(`Write the model to ${app.told.place}`, kept) : null,
    ),
    said,
    details,
  );
}
