// Drawing: the boxes and edges of all items that are shown.
//
// A container that is open is laid out by itself and takes part in the layout around it as one large box. Values that
// cross its border pass through dots on the border.

const BOX = 272;
const LINE = 16;
const PAD = 16;
const HEAD = 34;
const DOT = 8;
const KIND_FONT = "600 12.5px system-ui, sans-serif";
const NAME_FONT = "500 12.5px system-ui, sans-serif";
const DETAIL_FONT = "11.5px system-ui, sans-serif";

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
    for (const value of [...container.reads].sort((a, b) => a - b))
      made.set(value, { box: dot("into", value, { first: true }), out: 0 });
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
  const size = layered(
    boxes,
    [...edges.values()].sort((a, b) => a.from - b.from || a.to - b.to),
  );
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
      parent.append(
        shape("circle", { class: "port", cx: left + box.x, cy: top + box.y + (side === "out" ? DOT : 0), r: 3 }),
      );
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
  const arrow = shape("path", {
    class: "arrow",
    d: `M${round(x - 4)} ${round(y - 7)}L${round(x + 4)} ${round(y - 7)}L${round(x)} ${round(y)}Z`,
  });
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
    class: `box ${inner.type}${isContainer ? " open" : ""}${refusalOf(inner)}`,
    "data-family": itemFamily(inner),
    "data-id": inner.id,
  });
  drawn.set(inner.id, group);
  parent.append(group);
  const { width, height } = inner;
  const radius = inner.type === "port" ? Math.min(height / 2, 16) : 8;
  const rect = inner.type === "node" ? "box-rect node-rect" : "box-rect";
  group.append(
    shape("rect", { class: rect, x: round(x), y: round(y), width: round(width), height: round(height), rx: radius }),
  );
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
  group.append(
    shape("path", {
      d: inner.isOpen ? `M${left + 8} ${middle - 2}l4 4l4 -4` : `M${left + 10} ${middle - 4}l4 4l-4 4`,
    }),
  );
  group.append(shape("text", { x: left + 20, y: middle + 4 }, String(count)));
  return group;
}
