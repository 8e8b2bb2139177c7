// Formulas in a small notation, as MathML: x_{j}, A^⊤, \frac{a}{b}, \sqrt{a}; all else is itself.

const SPACE = "http://www.w3.org/1998/Math/MathML";
const TOKEN = /\\frac|\\sqrt|[_^{}]|\p{L}+|[\d.]+|½|\s+|./gu;
const OPERATORS = "=+−·/(),[]|<>≤≥←⊙Σ∇⊤:";

/**
 * @param {string} tag
 * @param {...(Node | string)} children
 * @returns {Element}
 */
function m(tag, ...children) {
  const element = document.createElementNS(SPACE, tag);
  element.append(...children);
  return element;
}

/**
 * Return formulas as MathML, one below the other.
 * @param {string[]} formulas
 * @param {Record<string, string>} [names]  what stands for a letter of the formulas, in the notation
 * @returns {Element}
 */
export function formula(formulas, names = {}) {
  const box = document.createElement("div");
  box.className = "formula";
  for (const text of formulas) {
    const math = m("math", ...row(tokens(text), names));
    math.setAttribute("displaystyle", "true");
    const line = document.createElement("p");
    line.append(math);
    box.append(line);
  }
  return box;
}

/**
 * @param {string} text
 * @returns {string[]}
 */
function tokens(text) {
  return (text.match(TOKEN) ?? []).filter((token) => token.trim() !== "");
}

/**
 * Read tokens up to a closing brace, or all.
 * @param {string[]} rest
 * @param {Record<string, string>} names
 * @returns {Element[]}
 */
function row(rest, names) {
  /** @type {Element[]} */
  const found = [];
  while (rest.length && rest[0] !== "}") {
    const base = atom(rest, names);
    let [below, above] = /** @type {(Element | null)[]} */ ([null, null]);
    while (rest[0] === "_" || rest[0] === "^") {
      if (rest.shift() === "_") below = atom(rest, names);
      else above = atom(rest, names);
    }
    if (below && above) found.push(m("msubsup", base, below, above));
    else if (below) found.push(m("msub", base, below));
    else found.push(above ? m("msup", base, above) : base);
    if (base.textContent === "ℓ") found.push(space());
  }
  return found;
}

/**
 * Read one thing.
 * @param {string[]} rest
 * @param {Record<string, string>} names
 * @returns {Element}
 */
function atom(rest, names) {
  const token = rest.shift() ?? "";
  if (token === "{") {
    const inner = row(rest, names);
    rest.shift();
    return inner.length === 1 ? inner[0] : m("mrow", ...inner);
  }
  if (token === "\\frac") return m("mfrac", atom(rest, names), atom(rest, names));
  if (token === "\\sqrt") return m("msqrt", atom(rest, names));
  if (names[token] !== undefined) return m("mrow", ...row(tokens(names[token]), {}));
  if (/^[\d.½]/.test(token)) return m("mn", token);
  if (OPERATORS.includes(token)) return operator(token);
  return m("mi", token);
}

/** @returns {Element} */
function space() {
  const element = m("mspace");
  element.setAttribute("width", "0.17em");
  return element;
}

/**
 * @param {string} token
 * @returns {Element}
 */
function operator(token) {
  const element = m("mo", token);
  if ("|[]()".includes(token)) element.setAttribute("stretchy", "false");
  if ("∇⊤Σ".includes(token)) {
    element.setAttribute("lspace", "0");
    element.setAttribute("rspace", "0");
  }
  return element;
}
