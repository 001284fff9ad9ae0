// The graph: boxes that unfold, a camera, selection and search.
//
// An item is an input or output of the model ("port"), a layer, a block of layers, the body of a loop or branch, or an
// ONNX node. Blocks, layers and bodies contain items. A container that is open is laid out by itself and takes part in
// the layout around it as one large box. Values that cross its border pass through dots on the border.

const BOX = 272;
const LINE = 16;
const PAD = 16;
const HEAD = 34;
const DOT = 8;
const KIND_FONT = "600 12.5px system-ui, sans-serif";
const NAME_FONT = "500 12.5px system-ui, sans-serif";
const DETAIL_FONT = "11.5px system-ui, sans-serif";
const MOST_SHOWN = 48;

const items = new Map();
const open = new Set();
let root = null;
let selected = null;
let hits = [];
let hitAt = -1;
let onSelect = () => {};

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
  return layer.bodies.length === 1 ? "body" : ["if true", "if false"][at] ?? `branch ${at + 1}`;
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

// Layout

function measured(inner) {
  inner.isOpen = open.has(inner.id) && inner.items.length > 0;
  if (inner.isOpen || inner.type === "body") return arranged(inner);
  inner.lines = linesOf(inner);
  inner.width = inner.type === "port" || inner.type === "node" ? 200 : BOX;
  inner.height = 16 + LINE * inner.lines.length;
  inner.ports = null;
  return inner;
}

function arranged(container) {
  container.items.forEach(measured);
  const boxes = [];
  const edges = new Map();
  const ports = { into: new Map(), out: new Map() };
  const made = new Map();
  const isNodes = container.type === "layer" && container.items[0].type === "node";
  const dot = (side, value, extra) => {
    boxes.push({ width: DOT, height: DOT, ...extra });
    ports[side].set(value, boxes.at(-1));
    return boxes.length - 1;
  };
  if (container.type === "block") {
    for (const value of [...container.reads].sort((a, b) => a - b)) made.set(value, { box: dot("into", value, { first: true }), out: 0 });
  }
  if (isNodes) dot("into", "any", { first: true });
  const start = boxes.length;
  const join = (from, to, out, into, ends) => {
    const key = `${from}|${to}|${out}|${into}`;
    if (!edges.has(key)) edges.set(key, { from, to, out, into, ends });
  };
  container.items.forEach((inner, at) => {
    boxes.push(inner);
    for (const value of inner.reads ?? []) {
      const maker = made.get(value);
      if (maker) join(maker.box, start + at, maker.out, offset(inner, "into", value), [maker.id, inner.id]);
    }
    for (const value of inner.makes ?? []) {
      made.set(value, { box: start + at, out: offset(inner, "out", value), id: inner.id });
    }
  });
  if (container.type === "block") {
    for (const value of given(container)) {
      const maker = made.get(value);
      join(maker.box, dot("out", value, { last: true }), maker.out, 0, [maker.id, null]);
    }
  }
  if (isNodes) {
    const inner = layers[container.number].edges ?? [];
    const end = dot("out", "any", { last: true });
    inner.forEach(([from, to]) => join(start + from, start + to, 0, 0, [null, null]));
    container.items.forEach((_, at) => {
      if (!inner.some(([, to]) => to === at)) join(0, start + at, 0, 0, [null, null]);
      if (!inner.some(([from]) => from === at)) join(start + at, end, 0, 0, [null, null]);
    });
  }
  const size = layered(boxes, [...edges.values()].sort((a, b) => a.from - b.from || a.to - b.to));
  const plain = container.type === "model";
  const head = plain ? 0 : HEAD;
  const side = plain ? 0 : PAD;
  container.width = Math.max(size.width + 2 * side, plain ? 0 : BOX);
  container.shift = { x: (container.width - size.width) / 2, y: head };
  // Dots sit on the border: at the lower edge of the heading, and at the bottom of the block.
  container.height = size.height + head + (plain || ports.out.size ? 0 : PAD);
  if (!plain && !ports.into.size) {
    container.shift.y += PAD / 2;
    container.height += PAD / 2;
  }
  container.edges = [...edges.values()];
  container.ports = ports;
  return container;
}

/** The distance of a value's dot from the centre of its box. */
function offset(inner, side, value) {
  const box = inner.ports?.[side].get(value) ?? inner.ports?.[side].get("any");
  return box ? inner.shift.x + box.x - inner.width / 2 : 0;
}

// Text of the boxes

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
    if (layer.brief) lines.push(["detail", layer.brief]);
    lines.push(["detail", layer.outputs.map(shapeText).join(", ")]);
    const figures = figuresText(layer);
    if (figures) lines.push(["detail", figures]);
  } else if (inner.type === "block") {
    lines.push(["name", inner.name], ["detail", kindsText(inner.layers)]);
    lines.push(["detail", given(inner).map((value) => shapeText(values[value].shape)).join(", ")]);
    const figures = figuresText(totalsOf(inner.layers));
    if (figures) lines.push(["detail", figures]);
  } else if (inner.type === "node") {
    lines.push(["node-op", inner.op || "node"], ["node-name", inner.name]);
  } else {
    lines.push(["kind", inner.kind], ["name", inner.name], ["detail", valueText(inner.value)]);
  }
  return lines;
}

function itemFamily(inner) {
  if (inner.type === "port") return "io";
  return inner.type === "layer" ? familyOf(layers[inner.number].kind) : "other";
}

// Drawing

const stage = byId("stage");
const svg = shape("svg", { role: "presentation" });
const camera = shape("g");
svg.append(camera);
stage.append(svg);
const view = { x: 0, y: 0, scale: 1 };
const drawn = new Map();
let drawnEdges = [];

function redraw() {
  root.isOpen = true;
  arranged(root);
  drawn.clear();
  drawnEdges = [];
  const content = shape("g");
  drawContents(root, 0, 0, content);
  camera.replaceChildren(content);
  markSelected();
  markHits();
}

function drawContents(container, x, y, parent) {
  const left = x + container.shift.x;
  const top = y + container.shift.y;
  for (const edge of container.edges) drawEdge(edge, left, top, parent);
  for (const side of ["into", "out"]) {
    for (const box of container.ports[side].values()) {
      parent.append(shape("circle", { class: "port", cx: left + box.x, cy: top + box.y + (side === "out" ? DOT : 0), r: 3 }));
    }
  }
  for (const inner of container.items) draw(inner, left + inner.x - inner.width / 2, top + inner.y, parent);
}

function drawEdge(edge, left, top, parent) {
  const points = edge.points.map(([x, y]) => [left + x, top + y]);
  let path = `M${points[0].map(round).join(" ")}`;
  for (let at = 1; at < points.length; at += 1) {
    const [x0, y0] = points[at - 1];
    const [x1, y1] = points[at];
    if (Math.abs(x0 - x1) < 0.5) path += `L${round(x1)} ${round(y1)}`;
    else {
      const bend = (y1 - y0) / 2;
      path += `C${round(x0)} ${round(y0 + bend)} ${round(x1)} ${round(y1 - bend)} ${round(x1)} ${round(y1)}`;
    }
  }
  const [x, y] = points.at(-1);
  const line = shape("path", { class: "edge", d: path });
  const arrow = shape("path", { class: "arrow", d: `M${round(x - 4)} ${round(y - 7)}L${round(x + 4)} ${round(y - 7)}L${round(x)} ${round(y)}Z` });
  parent.append(line, arrow);
  drawnEdges.push({ ends: edge.ends, parts: [line, arrow] });
}

function round(number) {
  return Math.round(number * 10) / 10;
}

function draw(inner, x, y, parent) {
  Object.assign(inner, { left: x, top: y });
  const isContainer = inner.isOpen || inner.type === "body";
  const group = shape("g", {
    class: `box ${inner.type}${isContainer ? " open" : ""}`,
    "data-family": itemFamily(inner),
    "data-id": inner.id,
  });
  drawn.set(inner.id, group);
  parent.append(group);
  const { width, height } = inner;
  const radius = inner.type === "port" ? Math.min(height / 2, 16) : 8;
  const rect = inner.type === "node" ? "box-rect node-rect" : "box-rect";
  group.append(shape("rect", { class: rect, x: round(x), y: round(y), width: round(width), height: round(height), rx: radius }));
  if (isContainer) {
    drawContents(inner, x, y, group);
    const text = fitted(inner.name, width - (inner.items.length && inner.type !== "body" ? 64 : 28), KIND_FONT);
    group.append(shape("text", { class: inner.type === "layer" ? "kind" : "name", x: x + 14, y: y + 21 }, text));
  } else {
    if (inner.type === "layer") {
      group.append(shape("rect", { class: "strip", x: x + 5, y: y + 9, width: 3, height: height - 18, rx: 1.5 }));
    }
    const centred = inner.type === "port";
    inner.lines.forEach(([style, text], at) => {
      const font = { kind: KIND_FONT, name: NAME_FONT, "node-op": NAME_FONT }[style] ?? DETAIL_FONT;
      const room = width - 26 - (at === 0 && inner.items.length ? 44 : 0);
      const attributes = { class: style, x: centred ? x + width / 2 : x + 15, y: y + 20 + LINE * at };
      if (centred) attributes["text-anchor"] = "middle";
      group.append(shape("text", attributes, fitted(text, room, font)));
    });
  }
  group.append(shape("title", {}, inner.name));
  if (inner.items.length && inner.type !== "body") group.append(toggleOf(inner, x + width, y));
}

function toggleOf(inner, right, y) {
  const label = inner.isOpen ? "Fold" : "Unfold";
  const group = shape("g", { class: "toggle", "data-toggle": inner.id });
  group.append(shape("title", {}, `${label} ${inner.name}`));
  const count = inner.type === "block" ? inner.layers.length : inner.items.length;
  const width = 26 + 7 * String(count).length;
  const left = right - width - 8;
  group.append(shape("rect", { x: left, y: y + 8, width, height: 18, rx: 9 }));
  const middle = y + 17;
  group.append(shape("path", {
    d: inner.isOpen ? `M${left + 8} ${middle - 2}l4 4l4 -4` : `M${left + 10} ${middle - 4}l4 4l-4 4`,
  }));
  group.append(shape("text", { x: left + 20, y: middle + 4 }, String(count)));
  return group;
}

// Camera

function applyView() {
  camera.setAttribute("transform", `translate(${round(view.x)} ${round(view.y)}) scale(${view.scale.toFixed(4)})`);
}

function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(3, Math.max(0.03, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  applyView();
}

function zoomToFit() {
  const margin = 24;
  const across = (stage.clientWidth - 2 * margin) / root.width;
  const down = (stage.clientHeight - 2 * margin) / root.height;
  view.scale = Math.min(1, across, down);
  view.x = (stage.clientWidth - root.width * view.scale) / 2;
  view.y = Math.max(margin, (stage.clientHeight - root.height * view.scale) / 2);
  applyView();
}

/** The beginning of the graph at a size that can be read, or all of it if that is possible. */
function showStart() {
  zoomToFit();
  if (view.scale >= 0.62) return;
  view.scale = Math.max(0.62, Math.min(0.95, (stage.clientWidth - 32) / root.width));
  const first = root.items[0];
  const middle = root.width * view.scale <= stage.clientWidth - 32 ? root.width / 2 : first.left + first.width / 2;
  view.x = stage.clientWidth / 2 - middle * view.scale;
  view.y = 20;
  applyView();
}

function centre(inner) {
  if (view.scale < 0.5) view.scale = 0.9;
  view.x = stage.clientWidth / 2 - (inner.left + inner.width / 2) * view.scale;
  const middle = inner.height * view.scale > stage.clientHeight ? 80 / view.scale : inner.height / 2;
  view.y = stage.clientHeight / 2 - (inner.top + middle) * view.scale;
  applyView();
}

// Unfolding

/** Opens or closes an item, and leaves its corner where it is on the screen. */
function toggle(id) {
  const inner = items.get(id);
  const before = drawn.has(id) ? { x: inner.left + inner.width / 2, y: inner.top } : null;
  if (open.has(id)) open.delete(id);
  else open.add(id);
  redraw();
  if (before) {
    view.x += (before.x - inner.left - inner.width / 2) * view.scale;
    view.y += (before.y - inner.top) * view.scale;
    applyView();
  }
  if (selected === inner) onSelect(inner);
}

function reveal(inner) {
  let changed = false;
  for (let outer = inner.parent; outer; outer = outer.parent) {
    if (outer.type !== "body" && outer.type !== "model" && !open.has(outer.id)) {
      open.add(outer.id);
      changed = true;
    }
  }
  if (changed) redraw();
}

function unfoldBlocks() {
  for (const inner of items.values()) if (inner.type === "block") open.add(inner.id);
  redraw();
  showStart();
}

function foldAll() {
  open.clear();
  redraw();
  showStart();
}

// Selection

function select(inner, { move = false } = {}) {
  selected = inner;
  if (inner && move) {
    reveal(inner);
    centre(inner);
  }
  markSelected();
  onSelect(inner);
}

function markSelected() {
  for (const [id, group] of drawn) group.classList.toggle("selected", selected?.id === id);
  for (const { ends, parts } of drawnEdges) {
    const near = selected !== null && ends.includes(selected.id);
    for (const part of parts) part.classList.toggle("near", near);
  }
}

/** The visible item that an item is drawn in: itself, or the closed container around it. */
function shownAs(inner) {
  let found = inner;
  for (let outer = inner.parent; outer; outer = outer.parent) if (!drawn.has(found.id)) found = outer;
  return found;
}

/** The next item in a direction: along an edge, or beside the selected one. */
function neighbour(key) {
  const down = key === "ArrowDown";
  if (down || key === "ArrowUp") {
    const found = drawnEdges
      .filter(({ ends }) => ends[down ? 0 : 1] === selected.id && ends[down ? 1 : 0])
      .map(({ ends }) => items.get(ends[down ? 1 : 0]));
    if (found.length) return found.sort((a, b) => distanceTo(a) - distanceTo(b))[0];
  }
  const centreOf = (inner) => [inner.left + inner.width / 2, inner.top + inner.height / 2];
  const [x, y] = centreOf(selected);
  const candidates = [...drawn.keys()]
    .map((id) => items.get(id))
    .filter((inner) => inner !== selected && !inner.isOpen && inner.type !== "body")
    .map((inner) => ({ inner, apart: centreOf(inner) }))
    .map(({ inner, apart }) => ({ inner, dx: apart[0] - x, dy: apart[1] - y }))
    .filter(({ dx, dy }) => ({ ArrowDown: dy > 10, ArrowUp: dy < -10, ArrowLeft: dx < -10, ArrowRight: dx > 10 })[key]);
  const across = key === "ArrowLeft" || key === "ArrowRight";
  candidates.sort((a, b) => cost(a, across) - cost(b, across));
  return candidates[0]?.inner ?? null;
}

function cost({ dx, dy }, across) {
  return across ? Math.abs(dx) + 4 * Math.abs(dy) : Math.abs(dy) + 4 * Math.abs(dx);
}

function distanceTo(inner) {
  return Math.abs(inner.top - selected.top) + Math.abs(inner.left - selected.left);
}

// Search

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  hits = words.length ? layers.map((_, number) => number).filter((number) => matches(number, words)) : [];
  hitAt = -1;
  stage.classList.toggle("searching", words.length > 0);
  markHits();
  byId("found").textContent = words.length ? plural(hits.length, "layer") : "";
}

const texts = layers.map((layer) =>
  [layer.name, layer.kind, ...layer.rules, ...layer.nodes.flat()].join("\n").toLowerCase(),
);

function matches(number, words) {
  return words.every((word) => texts[number].includes(word));
}

function markHits() {
  const shown = new Set(hits.map((number) => shownAs(items.get(`layer${number}`)).id));
  for (const [id, group] of drawn) group.classList.toggle("hit", shown.has(id));
}

function nextHit(step) {
  if (!hits.length) return;
  hitAt = (hitAt + step + hits.length) % hits.length;
  select(items.get(`layer${hits[hitAt]}`), { move: true });
  byId("found").textContent = `${hitAt + 1} of ${hits.length}`;
}

// Events

function listen() {
  const pointers = new Map();
  let moved = 0;
  let apart = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
    apart = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    pointers.set(event.pointerId, now);
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (moved > 4 && !stage.hasPointerCapture(event.pointerId)) {
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("dragging");
    }
    view.x += (now[0] - before[0]) / pointers.size;
    view.y += (now[1] - before[1]) / pointers.size;
    if (pointers.size === 2) {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      const distance = Math.hypot(ax - bx, ay - by);
      const frame = stage.getBoundingClientRect();
      if (apart) zoomBy(distance / apart, (ax + bx) / 2 - frame.left, (ay + by) / 2 - frame.top);
      apart = distance;
    }
    if (moved > 4) applyView();
  });
  const released = (event) => {
    pointers.delete(event.pointerId);
    stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", released);
  stage.addEventListener("pointercancel", released);
  stage.addEventListener("click", (event) => {
    if (moved > 4) return;
    const toggled = event.target.closest("[data-toggle]");
    if (toggled) return toggle(toggled.dataset.toggle);
    const box = event.target.closest("[data-id]");
    select(box ? items.get(box.dataset.id) : null);
  });
  stage.addEventListener("dblclick", (event) => {
    const box = event.target.closest("[data-id]");
    if (box && !event.target.closest("[data-toggle]") && items.get(box.dataset.id).items.length) toggle(box.dataset.id);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      // Without Ctrl, the wheel scrolls the page until the graph has the focus.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== stage) return;
      event.preventDefault();
      const frame = stage.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 30 : 1;
      zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.008 : 0.0016)), event.clientX - frame.left, event.clientY - frame.top);
    },
    { passive: false },
  );
  stage.addEventListener("keydown", onKey);
  byId("zoom-in").addEventListener("click", () => zoomBy(1.3));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.3));
  byId("zoom-fit").addEventListener("click", zoomToFit);
  byId("unfold").addEventListener("click", unfoldBlocks);
  byId("fold").addEventListener("click", foldAll);
  const field = byId("search");
  field.addEventListener("input", () => search(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
  });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const pans = { ArrowUp: [0, 60], ArrowDown: [0, -60], ArrowLeft: [60, 0], ArrowRight: [-60, 0] };
  const actions = {
    "+": () => zoomBy(1.25),
    "=": () => zoomBy(1.25),
    "-": () => zoomBy(1 / 1.25),
    0: zoomToFit,
    Escape: () => select(null),
    Enter: () => selected?.items.length && toggle(selected.id),
    " ": () => selected?.items.length && toggle(selected.id),
  };
  if (event.key in pans) {
    const next = selected && drawn.has(selected.id) ? neighbour(event.key) : null;
    if (next) {
      select(next);
      centre(next);
    } else if (!selected) {
      view.x += pans[event.key][0];
      view.y += pans[event.key][1];
      applyView();
    }
  } else if (event.key in actions) actions[event.key]();
  else return;
  event.preventDefault();
}

function drawLegend() {
  const used = new Set(layers.map((layer) => familyOf(layer.kind)));
  for (const [family, label] of [...FAMILIES, ["other", "other"]]) {
    if (used.has(family)) byId("legend").append(element("span", { "data-family": family }, element("i"), label));
  }
}

/** A printed page shows the whole graph. */
function printable() {
  window.addEventListener("beforeprint", () => {
    camera.removeAttribute("transform");
    svg.setAttribute("viewBox", `-8 -8 ${root.width + 16} ${root.height + 16}`);
  });
  window.addEventListener("afterprint", () => {
    svg.removeAttribute("viewBox");
    applyView();
  });
}

function startGraph(onSelected) {
  onSelect = onSelected;
  buildItems();
  redraw();
  showStart();
  listen();
  printable();
  drawLegend();
}
