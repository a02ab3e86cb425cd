// Formulas: MathML from the server, parsed as XML. Only elements and attributes of presentation get into the page.

import { el } from "clearprop/dom.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = new Set(
  (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts " +
    "mprescripts none mtable mtr mtd mstyle mpadded mphantom menclose mfenced semantics"
  ).split(" "),
);
const ATTRIBUTES = new Set(
  (
    "display mathvariant stretchy fence separator form lspace rspace width height depth minsize maxsize movablelimits " +
    "accent accentunder columnalign rowalign columnspacing rowspacing displaystyle scriptlevel linethickness largeop symmetric"
  ).split(" "),
);

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || !ELEMENTS.has(node.localName)) return null;
  const made = document.createElementNS(MATHML, node.localName);
  for (const { name, value } of node.attributes) if (ATTRIBUTES.has(name)) made.setAttribute(name, value);
  made.append(...[...node.childNodes].map(copy).filter(Boolean));
  return made;
}

// The formula as an element; its LaTeX where the MathML cannot be read.
export function math(formula, display = "block") {
  const parsed = new DOMParser().parseFromString(formula.mathml, "application/xml");
  const found = parsed.querySelector("parsererror") ? null : copy(parsed.documentElement);
  if (!found) return el("code", {}, formula.latex);
  found.setAttribute("display", display);
  found.setAttribute("aria-label", formula.latex);
  return found;
}
