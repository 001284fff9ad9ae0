// The table of layers.

function showLayers() {
  const head = ["Layer", "Kind", "Output", "Parameters", "Multiply-adds", "Weights", "Rule", "ONNX nodes"];
  const numeric = new Set([3, 4, 5, 7]);
  byId("table").append(
    element("thead", {}, element("tr", {}, ...head.map((text, at) => headCell(text, numeric.has(at))))),
  );
  const body = element("tbody");
  const most = Math.max(1, ...layers.map((layer) => layer.multiply_adds));
  const rows = layers.map((layer, number) => layerRow(layer, number, most));
  // Unmatched nodes come first.
  const isRefused = (_, at) => Boolean(layers[at].unmatched);
  body.append(...rows.filter(isRefused), ...rows.filter((row, at) => !isRefused(row, at)));
  const { totals } = data;
  const foot = element(
    "tr",
    {},
    element("td", { class: "name" }, "Total"),
    element("td", { class: "kind" }),
    element("td", { class: "shape" }),
    number(whole.format(totals.parameters), "Parameters"),
    number(whole.format(totals.multiply_adds), "Multiply-adds"),
    number(bytes(totals.weight_bytes), "Weights"),
    element("td", { class: "rules" }),
    element("td", { class: "nodes" }),
  );
  byId("table").append(body, element("tfoot", {}, foot));
  const sizes = sizesText();
  byId("layers-about").textContent =
    (isConverted ? "In the order in which they run. " : beforeConversion()) +
    "Parameters are the numbers that the crate stores; weights are their bytes as packed for the kernels. " +
    `Multiply-adds count products with kernels and between tensors${sizes ? `, for ${sizes}` : ""}.`;
  const field = byId("filter");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !matches(at, words);
      shown += row.hidden ? 0 : 1;
    });
    byId("filtered").textContent = words.length ? `${shown} of ${plural(layers.length, "layer")}` : "";
  });
  showOtherNodes();
}

/** What differs from the layers of a crate. */
function beforeConversion() {
  if (!unmatched.length) return "In the order in which they run. ";
  return "Unmatched nodes come first. The layers are those that the rules made; no pass has fused or moved them yet. ";
}

function number(text, label, ...more) {
  return element("td", { class: "number", "data-label": label }, text, ...more);
}

function headCell(text, isNumber) {
  return element("th", { scope: "col", class: isNumber ? "number" : undefined }, text);
}

/** The name of a layer in a table, which shows the layer in the graph. */
function tableLink(at) {
  const name = element("button", { type: "button", class: "link", title: "Show in the graph" }, layers[at].name);
  name.addEventListener("click", () => {
    select(items.get(`layer${at}`), { move: true });
    byId("graph").scrollIntoView();
  });
  return name;
}

function layerRow(layer, at, most) {
  const indent = "\u2003".repeat(layer.depth ?? 0);
  const bar = element("i");
  bar.style.width = `${(100 * layer.multiply_adds) / most}%`;
  const work = layer.multiply_adds ? [whole.format(layer.multiply_adds), element("span", { class: "share" }, bar)] : [];
  return element(
    "tr",
    {},
    element("td", { class: "name" }, indent, tableLink(at)),
    element("td", { class: "kind family", "data-family": itemFamily(items.get(`layer${at}`)) }, layer.kind),
    element("td", { class: "shape" }, layer.outputs.map(shapeText).join(", ")),
    number(layer.parameters ? whole.format(layer.parameters) : "", "Parameters"),
    element("td", { class: "number", "data-label": "Multiply-adds" }, ...work),
    number(layer.weight_bytes ? bytes(layer.weight_bytes) : "", "Weights"),
    element(
      "td",
      { class: layer.unmatched ? "rules refusal" : "rules" },
      layer.unmatched ? refusalText(layer) : layer.rules.join(", "),
    ),
    element(
      "td",
      {
        class: "number nodes",
        title: layer.nodes
          .map(([name, op]) => `${op} ${name}`)
          .join("\n")
          .slice(0, 2000),
      },
      String(layer.nodes.length),
    ),
  );
}

function showOtherNodes() {
  const titles = {
    constants: "ONNX nodes computed at conversion: constants",
    shapes: "ONNX nodes computed at conversion: shapes",
    unused: "Unused ONNX nodes, on which no output depends",
  };
  for (const [key, title] of Object.entries(titles)) {
    const nodes = data.nodes[key];
    if (!nodes.length) continue;
    const names = element("ul");
    const details = element("details", {}, element("summary", {}, `${title} (${whole.format(nodes.length)})`), names);
    details.addEventListener("toggle", () => {
      if (!names.children.length) names.append(...nodes.map(([name, op]) => element("li", {}, `${op} ${name}`)));
    });
    byId("other-nodes").append(details);
  }
}
