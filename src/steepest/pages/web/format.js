// Numbers and names as people read them.

const DIGITS = 4; // that count
const MOST_DIGITS = 15;
const BRIEF = 60; // letters
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const FROM_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/**
 * Return a number with its first four digits; nothing for what is no number.
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
  return minus(String(Number(value.toPrecision(DIGITS))));
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
 * Return a number on an axis: with as many digits as tell it from its neighbours.
 * @param {number} value
 * @param {number} step  from one number of the axis to the next
 * @returns {string}
 */
export function tick(value, step) {
  const digits = Math.ceil(Math.log10(Math.abs(value) / step)) + 2;
  return digits > DIGITS && digits <= MOST_DIGITS
    ? minus(
        Number(value.toPrecision(digits)).toLocaleString("en-US", {
          maximumSignificantDigits: digits,
        }),
      )
    : number(value);
}

/**
 * Return a number of things in words.
 * @param {number} found
 * @param {string} one  what one of them is called
 * @param {string} [several]
 * @returns {string}
 */
export function counted(found, one, several = `${one}s`) {
  return `${count(found)} ${found === 1 ? one : several}`;
}

/**
 * Return a text of at most so many letters; a longer one ends in dots.
 * @param {string} text
 * @param {number} most
 * @returns {string}
 */
export function clipped(text, most) {
  const shown = harmless(text.slice(0, most));
  return text.length > most || shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}

/**
 * Return a text of strangers in which what turns the direction of writing, for all that follows, is
 * spelled out.
 * @param {string} text
 * @returns {string}
 */
export function harmless(text) {
  return text.replace(TURNING, (mark) => `\\u${mark.charCodeAt(0).toString(16)}`);
}

/**
 * Return a name as it stands in a sentence or a headline; one that is written from the right turns
 * nothing else.
 * @param {string} name
 * @returns {string}
 */
export function brief(name) {
  const shown = clipped(name, BRIEF);
  return FROM_RIGHT.test(shown) ? `\u2068${shown}\u2069` : shown;
}

/**
 * Return words as a sentence.
 * @param {string} words
 * @returns {string}
 */
export function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
