// The items of the graph: what the boxes stand for, and the text in them.
//
// An item is an input or output of the model ("port"), a layer, a block of layers, the body of a loop or branch, or an
// ONNX node. Blocks, layers and bodies contain items.

const MOST_SHOWN = 48;

const items = new Map();
const open = new Set();
let root = null;

function buildItems() {
  root = item({ id: "model", type: "model", name: data.title }, null);
  const inputs = data.inputs.map((port, at) => ioItem(`in${at}`, "Input", port, root, [], [port.value]));
  const outputs = data.outputs.map((port, at) => ioItem(`out${at}`, "Output", port, root, [port.value], []));
  root.items = [...inputs, ...treeItems(data.tree, root), ...outputs];
  summed(root);
  openSome();
}

function item(made, parent) {
  items.set(made.id, Object.assign(made, { parent, items: made.items ?? [] }));
  return made;
}

function ioItem(id, kind, port, parent, reads, makes) {
  return item({ id, type: "port", kind, name: port.name, value: port.value, own: { reads, makes } }, parent);
}

let blocks = 0;

function treeItems(tree, parent) {
  return tree.map((entry) => {
    if (typeof entry === "number") return layerItem(entry, parent);
    blocks += 1;
    const made = item({ id: `block${blocks}`, type: "block", name: entry.name }, parent);
    made.items = treeItems(entry.items, made);
    return made;
  });
}

function layerItem(number, parent) {
  const layer = layers[number];
  const own = { reads: layer.inputs, makes: layer.values };
  const made = item({ id: `layer${number}`, type: "layer", number, name: layer.name, own }, parent);
  if (layer.bodies) {
    made.items = layer.bodies.map((body, at) => bodyItem(`${made.id}body${at}`, bodyName(layer, at), body, made));
  } else if (layer.nodes.length > 1) {
    made.items = layer.nodes.map(([name, op], at) => item({ id: `${made.id}node${at}`, type: "node", name, op }, made));
  }
  return made;
}

function bodyName(layer, at) {
  return layer.bodies.length === 1 ? "body" : (["if true", "if false"][at] ?? `branch ${at + 1}`);
}

function bodyItem(id, name, body, parent) {
  const made = item({ id, type: "body", name, own: { reads: [], makes: [] } }, parent);
  const port = (kind, value, at) => {
    const [reads, makes] = kind === "Input" ? [[], [value]] : [[value], []];
    return ioItem(`${id}${kind}${at}`, kind, { name: `${kind.toLowerCase()} ${at + 1}`, value }, made, reads, makes);
  };
  made.items = [
    ...body.inputs.map((value, at) => port("Input", value, at)),
    ...treeItems(body.tree, made),
    ...body.outputs.map((value, at) => port("Output", value, at)),
  ];
  return made;
}

/** What an item reads and makes, how often it uses each value, and the layers in it. */
function summed(container) {
  container.items.forEach(summed);
  container.uses = new Map();
  container.layers = container.type === "layer" ? [container.number] : [];
  if (container.own) {
    for (const value of container.own.reads) container.uses.set(value, (container.uses.get(value) ?? 0) + 1);
    container.makes = new Set(container.own.makes);
  } else {
    container.makes = new Set(container.items.flatMap((inner) => [...inner.makes]));
    for (const inner of container.items) {
      container.layers.push(...inner.layers);
      for (const [value, count] of inner.uses) container.uses.set(value, (container.uses.get(value) ?? 0) + count);
    }
  }
  if (container.type === "body") container.layers = container.items.flatMap((inner) => inner.layers);
  container.reads = [...container.uses.keys()].filter((value) => container.own || !container.makes.has(value));
}

/** The values that an item makes and that are used outside of it. */
function given(container) {
  const graph = graphOf(container);
  return [...container.makes].filter(
    (value) => container.own || (graph.uses.get(value) ?? 0) > (container.uses.get(value) ?? 0),
  );
}

/** The model or body that an item belongs to. */
function graphOf(inner) {
  let found = inner.parent;
  while (found.type === "block") found = found.parent;
  if (found.type === "body" && !found.all) {
    found.all = { uses: new Map() };
    for (const each of found.items) {
      for (const [value, count] of each.uses) found.all.uses.set(value, (found.all.uses.get(value) ?? 0) + count);
    }
  }
  return found.all ?? found;
}

/** Opens blocks from the outside in, while few boxes are shown. */
function openSome() {
  let shown = root.items.length;
  let level = root.items.filter((inner) => inner.type === "block");
  while (level.length) {
    const more = level.reduce((sum, block) => sum + block.items.length, 0);
    if (shown + more > MOST_SHOWN) return;
    shown += more;
    level.forEach((block) => open.add(block.id));
    level = level.flatMap((block) => block.items.filter((inner) => inner.type === "block"));
  }
}

function figuresText(figures) {
  const parts = [];
  if (figures.parameters) parts.push(`${short(figures.parameters)} param${figures.parameters === 1 ? "" : "s"}`);
  if (figures.multiply_adds) parts.push(`${short(figures.multiply_adds)} MAC${figures.multiply_adds === 1 ? "" : "s"}`);
  if (figures.weight_bytes) parts.push(bytes(figures.weight_bytes));
  return parts.join(" · ");
}

function totalsOf(numbers) {
  const sum = (key) => numbers.reduce((total, number) => total + layers[number][key], 0);
  const keys = new Set(numbers.flatMap((number) => Object.values(layers[number].weights)));
  const weights = [...keys].map((key) => data.weights[key]);
  return {
    parameters: weights.reduce((total, { shape: dims }) => total + dims.reduce((a, b) => a * b, 1), 0),
    weight_bytes: weights.reduce((total, weight) => total + weight.bytes, 0),
    multiply_adds: sum("multiply_adds"),
  };
}

function kindsText(numbers) {
  const counts = new Map();
  for (const number of numbers) counts.set(layers[number].kind, (counts.get(layers[number].kind) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]);
  const named = most.slice(0, 2).map(([kind, count]) => (count > 1 ? `${count} ${kind}` : kind));
  return named.join(", ") + (most.length > 2 ? ", …" : "");
}

function linesOf(inner) {
  const lines = [];
  if (inner.type === "layer") {
    const layer = layers[inner.number];
    lines.push(["kind", layer.kind], ["name", layer.name]);
    if (layer.unmatched) lines.push(["refusal", refusalText(layer)]);
    if (layer.brief) lines.push(["detail", layer.brief]);
    if (layer.outputs.length) lines.push(["detail", layer.outputs.map(shapeText).join(", ")]);
    const figures = figuresText(layer);
    if (figures) lines.push(["detail", figures]);
  } else if (inner.type === "block") {
    const refused = inner.layers.filter((number) => layers[number].unmatched);
    lines.push(["name", inner.name]);
    if (refused.length) lines.push(["refusal", `${whole.format(refused.length)} unmatched`]);
    lines.push(["detail", kindsText(inner.layers)]);
    lines.push([
      "detail",
      given(inner)
        .map((value) => shapeText(values[value].shape))
        .join(", "),
    ]);
    const figures = figuresText(totalsOf(inner.layers));
    if (figures) lines.push(["detail", figures]);
  } else if (inner.type === "node") {
    lines.push(["node-op", inner.op || "node"], ["node-name", inner.name]);
  } else {
    lines.push(["kind", inner.kind], ["name", inner.name], ["detail", valueText(inner.value)]);
  }
  return lines;
}

function refusalText(layer) {
  if (unmatchedIn(layer) === "part") return "unmatched nodes inside";
  return isBlocked(layer) ? "depends on an unmatched node" : "unmatched";
}

/** The style of a box that is or contains an unmatched node. */
function refusalOf(inner) {
  const refused = inner.layers.filter((number) => layers[number].unmatched);
  if (inner.type === "port" || inner.type === "node" || !refused.length) return "";
  return refused.every((number) => isBlocked(layers[number])) ? " blocked" : " refused";
}

function itemFamily(inner) {
  if (inner.type === "port") return "io";
  if (inner.type === "layer" && unmatchedIn(layers[inner.number]) === "whole") return "refused";
  return inner.type === "layer" ? familyOf(layers[inner.number].kind) : "other";
}
