// The panel beside the graph: everything about the selected layer, block or port.

function showDetails(inner) {
  const parts = inner ? detailsOf(inner) : modelDetails();
  byId("panel").replaceChildren(...parts.filter(Boolean));
  byId("panel").scrollTop = 0;
}

function detailsOf(inner) {
  if (inner.type === "layer") return layerDetails(inner);
  if (inner.type === "node") return nodeDetails(inner);
  if (inner.type === "port") return portDetails(inner);
  return blockDetails(inner);
}

function kindLine(text, family) {
  return element("p", { class: "kind-line family", "data-family": family }, text);
}

function list(entries) {
  const made = element("dl");
  for (const [name, value] of entries) {
    if (value === null || value === undefined || value === "") continue;
    made.append(element("dt", {}, name), element("dd", {}, value));
  }
  return made.children.length ? made : null;
}

function titled(title, content) {
  return content ? [element("h4", {}, title), content] : [];
}

function link(inner, text = inner.name) {
  return element("button", { type: "button", class: "link", click: () => select(inner, { move: true }) }, text);
}

function layerLink(number) {
  return link(items.get(`layer${number}`));
}

/** A list of at most `most` entries, and a button for the rest. */
function longList(entries, most = 40) {
  const made = element("ul", {}, ...entries.slice(0, most).map((entry) => element("li", {}, ...[entry].flat())));
  if (entries.length > most) {
    const more = element("button", { type: "button", class: "link" }, `show ${entries.length - most} more`);
    const last = element("li", {}, more);
    more.addEventListener("click", () =>
      last.replaceWith(...entries.slice(most).map((entry) => element("li", {}, ...[entry].flat()))),
    );
    made.append(last);
  }
  return entries.length ? made : null;
}

function actions(inner) {
  if (!inner.items.length) return null;
  const label = () => (open.has(inner.id) ? "Fold" : "Unfold");
  const button = element("button", { type: "button" }, label());
  button.addEventListener("click", () => {
    reveal(inner);
    toggle(inner.id);
    button.textContent = label();
  });
  return element("div", { class: "panel-actions" }, button);
}

const makers = new Map();
for (const [number, layer] of layers.entries()) for (const value of layer.values) makers.set(value, number);
const readers = new Map();
for (const [number, layer] of layers.entries()) {
  for (const value of new Set(layer.inputs)) readers.set(value, [...(readers.get(value) ?? []), number]);
}

function endsOf(number, from) {
  const ends = from ? [makers.get(number)].filter((maker) => maker !== undefined) : (readers.get(number) ?? []);
  const ports = (from ? data.inputs : data.outputs)
    .map((port, at) => [port, items.get(`${from ? "in" : "out"}${at}`)])
    .filter(([port]) => port.value === number);
  return [...ports.map(([, inner]) => link(inner)), ...ends.slice(0, 12).map(layerLink)];
}

function valueEntries(numbers, from) {
  return numbers.map((number) => {
    const value = values[number];
    const ends = endsOf(number, from).flatMap((made, at) => (at ? [", ", made] : [made]));
    const place = value.place && value.place !== "constant" ? ` · ${value.place}` : "";
    const size = value.shape === null ? "" : ` · ${bytes(value.bytes)}`;
    return [
      ...(ends.length ? [from ? "from " : "to ", ...ends] : []),
      element("span", { class: "mono" }, `${valueText(number)}${size}${place}`),
    ];
  });
}

function layerDetails(inner) {
  const layer = layers[inner.number];
  const weights = Object.entries(layer.weights).map(([role, key]) => {
    const { shape: dims, dtype, bytes: size, statistics } = data.weights[key];
    const spread = statistics
      ? ["minimum", "mean", "maximum"].map((name, at) => `${name} ${statistics[at] ?? "not finite"}`).join(", ")
      : "";
    return [
      element("strong", {}, role),
      ` ${dtype} ${shapeText(dims)} · ${bytes(size)}`,
      element("span", { class: "mono" }, key),
      spread ? element("span", { class: "muted small" }, spread) : null,
    ];
  });
  const memory = { "in place": "overwrites its input", alias: "shares the memory of its input, without work" };
  const outer = layer.inside === undefined ? null : layerLink(layer.inside);
  return [
    kindLine(layer.kind, itemFamily(inner)),
    element("h3", {}, layer.name),
    ...titled("Reason", layer.unmatched ? reasonList(layer.unmatched) : null),
    list([
      ["parameters", layer.parameters ? whole.format(layer.parameters) : ""],
      ["multiply-adds", layer.multiply_adds ? whole.format(layer.multiply_adds) : ""],
      ["weights", layer.weight_bytes ? bytes(layer.weight_bytes) : ""],
      ["output", layer.output_bytes ? bytes(layer.output_bytes) : ""],
      ["memory", memory[layer.memory]],
      ["inside", outer],
    ]),
    actions(inner),
    ...titled(
      "Attributes",
      list(Object.entries(layer.attributes).map(([name, value]) => [name, attributeText(value)])),
    ),
    ...titled("Inputs", longList(valueEntries(layer.inputs, true))),
    ...titled("Outputs", longList(valueEntries(layer.values, false))),
    ...titled("Weights", longList(weights)),
    ...titled("Rule", layer.unmatched && !layer.rules.length ? null : rulesOf(layer)),
    ...titled(`ONNX nodes (${layer.nodes.length})`, nodeList(layer.nodes)),
  ].flat();
}

function rulesOf(layer) {
  return element("span", {}, layer.rules.join(", ") || "made by a pass");
}

/** Why nodes are unmatched, for the box that is or contains them. */
function reasonList(numbers) {
  return longList(
    numbers.map((at) => {
      const { node, op, reason, nearest_rule, inside } = unmatched[at];
      return [
        inside.length ? element("strong", {}, `${op} `) : null,
        inside.length ? element("span", { class: "mono" }, node) : null,
        element("span", { class: "refusal" }, reason),
        nearest_rule ? element("span", { class: "muted small" }, ` Nearest rule: ${nearest_rule}.`) : null,
      ];
    }),
  );
}

function nodeList(nodes) {
  return longList(nodes.map(([name, op]) => [op || "", element("span", { class: "mono" }, name)]));
}

function nodeDetails(inner) {
  return [
    element("p", { class: "kind-line" }, `ONNX node ${inner.op}`),
    element("h3", {}, inner.name),
    element("p", { class: "small" }, "part of ", link(inner.parent)),
  ];
}

function portDetails(inner) {
  const value = values[inner.value];
  const isModel = inner.parent === root;
  return [
    kindLine(inner.kind + (isModel ? " of the model" : ""), "io"),
    element("h3", {}, inner.name),
    list([
      ["dtype", value.dtype],
      ["shape", shapeText(value.shape)],
      ["size", value.shape === null ? "" : bytes(value.bytes)],
    ]),
    ...titled(
      inner.kind === "Input" ? "Read by" : "Made by",
      longList(endsOf(inner.value, inner.kind === "Output").map((made) => [made])),
    ),
  ];
}

function blockDetails(inner) {
  const totals = totalsOf(inner.layers);
  return [
    element("p", { class: "kind-line" }, inner.type === "body" ? `${inner.name} of ${inner.parent.name}` : "Block"),
    element("h3", {}, inner.name),
    list([
      ["layers", whole.format(inner.layers.length)],
      ["parameters", whole.format(totals.parameters)],
      ["multiply-adds", whole.format(totals.multiply_adds)],
      ["weights", bytes(totals.weight_bytes)],
    ]),
    inner.type === "block" ? actions(inner) : null,
    ...titled("Layers", longList(inner.layers.map((number) => [layerLink(number), ` ${layers[number].kind}`]))),
  ];
}

function modelDetails() {
  const port = (kind) => (entry, at) => [
    link(items.get(`${kind}${at}`)),
    element("span", { class: "mono" }, valueText(entry.value)),
  ];
  const heaviest = [...layers.keys()].filter((number) => layers[number].multiply_adds && !layers[number].depth);
  heaviest.sort((a, b) => layers[b].multiply_adds - layers[a].multiply_adds);
  return [
    element("p", { class: "kind-line" }, "Model"),
    element("h3", {}, data.title),
    element("p", { class: "muted small" }, "Select a box to see its attributes, weights and ONNX nodes."),
    ...titled("Inputs", longList(data.inputs.map(port("in")))),
    ...titled("Outputs", longList(data.outputs.map(port("out")))),
    ...titled(
      "Most multiply-adds",
      longList(
        heaviest
          .slice(0, 8)
          .map((number) => [
            layerLink(number),
            element("span", { class: "muted small" }, ` ${short(layers[number].multiply_adds)}, ${share(number)}`),
          ]),
      ),
    ),
  ];
}

function share(number) {
  const part = layers[number].multiply_adds / data.totals.multiply_adds;
  return `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`;
}
