"use strict";

// The data, and what every part of the page needs: elements, numbers and names as text.
// Names come from untrusted models. They reach the page through textContent alone, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const layers = data.layers;
const values = data.values;
// The unmatched nodes of a model that was not converted; boxes refer to them by their numbers.
const unmatched = data.unmatched ?? [];
const isConverted = data.proof !== null;

/** Whether a layer is the box of an unmatched node: `whole`, or only contains one in a body: `part`. */
function unmatchedIn(layer) {
  if (!layer.unmatched) return "";
  return layer.unmatched.some((number) => !unmatched[number].inside.length) ? "whole" : "part";
}

/** Whether a box is that of an unmatched node, and nothing is wrong but that it depends on another unmatched node. */
function isBlocked(layer) {
  return layer.unmatched?.every((number) => unmatched[number].blocked_by !== null) ?? false;
}

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

const whole = new Intl.NumberFormat("en-US");

/** 1234567 → "1.23 M": three digits. */
function short(count) {
  const units = ["", " k", " M", " G", " T", " P"];
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(value)));
  return `${value.toFixed(digits)}${units[unit]}`;
}

function bytes(count) {
  return count < 1000 ? `${count} B` : `${short(count)}B`;
}

/** 6e-8: two digits, with an exponent only for small and large numbers. */
function scientific(value) {
  if (value === 0 || (value >= 0.01 && value < 1000)) return String(Number(value.toPrecision(2)));
  return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
}

function plural(count, one, many = `${one}s`) {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

/** An unknown shape, which is null, belongs to a value that only unmatched nodes make and read. */
function shapeText(dims) {
  if (dims === null) return "unknown shape";
  return `[${dims.join(", ")}]`;
}

function valueText(number) {
  const value = values[number];
  return value.shape === null ? "unknown dtype and shape" : `${value.dtype} ${shapeText(value.shape)}`;
}

function attributeText(value) {
  if (Array.isArray(value)) return `[${value.map(attributeText).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    return Object.entries(value)
      .map(([name, item]) => `${name} ${attributeText(item)}`)
      .join(", ");
  }
  return value === null ? "none" : String(value);
}

function sizesText() {
  return Object.entries(data.sizes)
    .map(([name, size]) => `${name} = ${size}`)
    .join(", ");
}

// Families of layers, which share a colour: the first word that the kind contains decides.
const FAMILIES = [
  ["control", "loop or branch", /^(loop|if|scan)$/i],
  ["recurrent", "recurrent or attention", /lstm|gru|rnn|attention/i],
  ["conv", "convolution", /conv/i],
  ["embedding", "embedding or lookup", /embed|gather|lookup|onehot|categor/i],
  ["dense", "product", /dense|matmul|gemm|tree/i],
  ["pool", "pooling or reduction", /pool|reduce|mean|^sum|^max$|^min$|topk|arg/i],
  ["norm", "normalisation", /norm/i],
  ["merge", "arithmetic", /add|concat|mul|sub|div|maximum|minimum|pow|scale|where/i],
  ["move", "reshape or move", /reshape|transpose|slice|pad|expand|cast|tile|shape|constant|flatten/i],
];

function familyOf(kind) {
  const found = FAMILIES.find(([, , words]) => words.test(kind));
  return found ? found[0] : "other";
}

const canvas = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** The text without its middle, so that it fits into `width` pixels: names differ at both ends. */
function fitted(text, width, font) {
  const key = `${font}|${width}|${text}`;
  if (!widths.has(key)) widths.set(key, fit(text, width, font));
  return widths.get(key);
}

function fit(text, width, font) {
  canvas.font = font;
  if (canvas.measureText(text).width <= width) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const kept = Math.ceil((low + high) / 2);
    if (canvas.measureText(withoutMiddle(text, kept)).width <= width) low = kept;
    else high = kept - 1;
  }
  return withoutMiddle(text, low);
}

function withoutMiddle(text, kept) {
  const tail = Math.floor(kept / 2);
  return `${text.slice(0, kept - tail)}…${tail ? text.slice(-tail) : ""}`;
}
