// The shape of one example: the extents of its axes.

/**
 * Return how many numbers an array of a shape has.
 * @param {number[]} shape
 * @returns {number}
 */
export function sizeOf(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

/**
 * Return the extent of the last axis, along which layers that know no shapes go.
 * @param {number[]} shape
 * @returns {number}
 */
export function lastOf(shape) {
  return shape[shape.length - 1];
}
