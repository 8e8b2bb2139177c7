// Functions of one number that JavaScript lacks.

const ENOUGH = 1e-17;

/**
 * Return 1/(1 + e⁻ˣ).
 * @param {number} x
 * @returns {number}
 */
export function sigmoid(x) {
  const e = Math.exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/**
 * Return log(1 + eˣ).
 * @param {number} x
 * @returns {number}
 */
export function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * Return the probability that a standard normal number is at most x.
 *
 * Up to 3 by the series e^(−x²/2) Σ x^(2k+1)/(1·3·5…(2k+1)), beyond by a continued fraction
 * (Abramowitz & Stegun, 26.2.11 and 26.2.14).
 * @param {number} x
 * @returns {number}
 */
export function normalBelow(x) {
  const size = Math.abs(x);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (size < 3) {
    let term = x;
    let total = x;
    for (let k = 3; Math.abs(term) > ENOUGH * Math.abs(total); k += 2) {
      term *= (x * x) / k;
      total += term;
    }
    return 0.5 + density * total;
  }
  let rest = size;
  for (let k = 80; k > 0; k--) rest = size + k / rest;
  const beyond = density / rest;
  return x < 0 ? beyond : 1 - beyond;
}
