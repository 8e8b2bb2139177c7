// Numbers as people read them.

/**
 * Return a number with four digits that count; nothing for what is no number.
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return count(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7))
    return minus(value.toExponential(3).replace(/\.?0+e/, "e"));
  if (size >= 1e3) return minus(value.toLocaleString("en-US", { maximumFractionDigits: 0 }));
  return minus(String(Number(value.toPrecision(4))));
}

/**
 * Return a whole number with its thousands apart.
 * @param {number} value
 * @returns {string}
 */
export function count(value) {
  return minus(value.toLocaleString("en-US"));
}

/**
 * Return a share in per cent.
 * @param {number | null | undefined} share
 * @returns {string}
 */
export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return `${minus((100 * share).toFixed(1))} %`;
}

/**
 * @param {string} text
 * @returns {string}
 */
function minus(text) {
  return text.replaceAll("-", "−");
}

/**
 * Return words as a sentence.
 * @param {string} words
 * @returns {string}
 */
export function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
