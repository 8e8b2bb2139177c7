// The rows of a page, unpacked; and columns as people change them.

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {number[]} places  columns of the encoded rows
 * @property {number[]} [at]  numbers that it can be given, in ascending order
 * @property {string[]} [labels]  texts that it can be given
 * @property {number[][]} encoded  what each of them is to the network
 * @property {[number, number]} [range]  what is drawn of numbers
 * @property {Float32Array} raw  each row's number, or the place of its text; NaN for neither
 */

/**
 * Return numbers from the text that Python packed them into.
 * @param {string} text
 * @returns {Float32Array}
 */
export function unpack(text) {
  const packed = bytes(text);
  const [view, found] = [new DataView(packed.buffer), new Float32Array(packed.length / 4)];
  for (let k = 0; k < found.length; k++) found[k] = view.getFloat32(4 * k, true);
  return found;
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Return pixels as the network takes them: less the mean of their channel, times its scale.
 * @param {Uint8Array} pixels
 * @param {{mean: number[], scale: number[]}} record
 * @returns {Float64Array}
 */
function scaled(pixels, { mean, scale }) {
  const count = mean.length;
  return Float64Array.from(pixels, (value, k) => (value - mean[k % count]) * scale[k % count]);
}

/** Rows with their columns and their task. */
export class Rows {
  /**
   * @param {any} record
   * @param {boolean} [served]  whether Python can be asked
   */
  constructor(record, served = false) {
    this.record = record;
    this.served = served;
    this.task = record.task;
    this.inputs = record.inputs.length;
    this.count = record.rows;
    this.train = record.train;
    /** Of pictures, row by row: what is drawn of them. */
    this.pixels = record.pixels ? bytes(record.pixels) : new Uint8Array(0);
    this.X = record.pixels ? scaled(this.pixels, record) : Float64Array.from(unpack(record.X));
    this.y = Float64Array.from(unpack(record.y));
    /** @type {Column[]} */
    this.columns = record.columns.map((/** @type {any} */ one) => ({
      ...one,
      raw: unpack(one.raw),
    }));
    this.classes = this.task.classes;
  }

  /**
   * Return the name of a row.
   * @param {number} row
   * @returns {string}
   */
  nameOf(row) {
    return `row ${this.record.numbers?.[row] ?? row}`;
  }

  /**
   * Return a row as the network takes it.
   * @param {number} row
   * @returns {Float64Array}
   */
  encoded(row) {
    return this.X.slice(row * this.inputs, (row + 1) * this.inputs);
  }

  /**
   * Return targets as a loss takes them.
   * @param {string} loss
   * @returns {Float64Array}
   */
  targets(loss) {
    return loss === "Hinge" ? this.y.map((value) => (value > 0 ? 1 : -1)) : this.y;
  }

  /**
   * Return those of the rows to train on, or those held out.
   * @param {string} loss
   * @param {boolean} held
   * @returns {import("../engine/training.js").Data}
   */
  part(loss, held) {
    const [from, to] = held ? [this.train, this.count] : [0, this.train];
    return {
      X: this.X.subarray(from * this.inputs, to * this.inputs),
      Y: this.targets(loss).subarray(from, to),
      rows: to - from,
      targets: 1,
    };
  }
}

/**
 * Put a value of a column into an encoded row: a number, between those that are known along a line;
 * or the place of a text.
 * @param {Column} column
 * @param {number} value
 * @param {Float64Array} row
 */
export function put(column, value, row) {
  const { at, encoded, places } = column;
  if (at === undefined) {
    places.forEach((place, k) => (row[place] = encoded[value][k]));
    return;
  }
  let high = at.findIndex((each) => each >= value);
  if (high < 0) high = at.length - 1;
  const low = Math.max(0, high - 1);
  const share = high === low ? 0 : (value - at[low]) / (at[high] - at[low]);
  const bounded = Math.min(1, Math.max(0, share));
  places.forEach(
    (place, k) => (row[place] = encoded[low][k] + bounded * (encoded[high][k] - encoded[low][k])),
  );
}

/**
 * Return a column's value in words.
 * @param {Column} column
 * @param {number} value
 * @param {(value: number) => string} number
 * @returns {string}
 */
export function worded(column, value, number) {
  if (Number.isNaN(value)) return column.labels ? "another" : "missing";
  return column.labels ? column.labels[value] : number(value);
}
