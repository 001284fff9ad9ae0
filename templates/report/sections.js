// The sections below the graph: the table of layers, the proof and the memory.

function showLayers() {
  const head = ["Layer", "Kind", "Output", "Parameters", "Multiply-adds", "Weights", "Rule", "ONNX nodes"];
  const numeric = new Set([3, 4, 5, 7]);
  byId("table").append(
    element("thead", {}, element("tr", {}, ...head.map((text, at) => element("th", { scope: "col", class: numeric.has(at) ? "number" : undefined }, text)))),
  );
  const body = element("tbody");
  const most = Math.max(1, ...layers.map((layer) => layer.multiply_adds));
  const rows = layers.map((layer, number) => layerRow(layer, number, most));
  body.append(...rows);
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
    "In the order in which they run. Parameters are the numbers that the crate stores; weights are their bytes as packed for the kernels. " +
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

function number(text, label, ...more) {
  return element("td", { class: "number", "data-label": label }, text, ...more);
}

function layerRow(layer, at, most) {
  const name = element("button", { type: "button", class: "link", title: "Show in the graph" }, layer.name);
  name.addEventListener("click", () => {
    select(items.get(`layer${at}`), { move: true });
    byId("graph").scrollIntoView();
  });
  const indent = "\u2003".repeat(layer.depth ?? 0);
  const bar = element("i");
  bar.style.width = `${(100 * layer.multiply_adds) / most}%`;
  const work = layer.multiply_adds ? [whole.format(layer.multiply_adds), element("span", { class: "share" }, bar)] : [];
  return element(
    "tr",
    {},
    element("td", { class: "name" }, indent, name),
    element("td", { class: "kind family", "data-family": familyOf(layer.kind) }, layer.kind),
    element("td", { class: "shape" }, layer.outputs.map(shapeText).join(", ")),
    number(layer.parameters ? whole.format(layer.parameters) : "", "Parameters"),
    element("td", { class: "number", "data-label": "Multiply-adds" }, ...work),
    number(layer.weight_bytes ? bytes(layer.weight_bytes) : "", "Weights"),
    element("td", { class: "rules" }, layer.rules.join(", ")),
    element("td", { class: "number nodes", title: layer.nodes.map(([name, op]) => `${op} ${name}`).join("\n").slice(0, 2000) }, String(layer.nodes.length)),
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

// Proof

function showProof() {
  const { proof } = data;
  byId("proof-about").textContent =
    `${proof.about[0].toUpperCase()}${proof.about.slice(1)}. The crate's tests run the same ${proof.unit}s and fail beyond the tolerance.`;
  byId("proofs").append(...proof.outputs.map(proofCard));
}

function proofCard(output) {
  const { difference } = output;
  const own = output.own_tolerances;
  const compared = difference ? difference.equal + difference.histogram.reduce((sum, [, count]) => sum + count, 0) : 0;
  const entries = [
    ["tolerance", output.tolerance ? scientific(output.tolerance) : "0 (exact)"],
    ["why", output.reason],
    ["own tolerances", own ? `${plural(own.elements, "element")}, up to ${scientific(own.largest)}` : ""],
  ];
  if (difference) {
    const isFar = difference.largest > output.tolerance && !own;
    entries.push(
      ["largest difference", scientific(difference.largest) + (isFar ? ", too far to be a measure of rounding" : "")],
      ["compared with", difference.other],
      ["equal", `${whole.format(difference.equal)} of ${plural(compared, "element")}`],
      ["worst", difference.worst === null ? "" : `${data.proof.unit} ${difference.worst} of ${data.proof.samples}, counted from 0`],
    );
  }
  return element(
    "article",
    { class: "card" },
    element("h3", {}, output.name),
    list(entries),
    difference && compared ? histogram(output, compared) : null,
  );
}

/** The number of elements (logarithmic) by their difference (powers of ten). */
function histogram({ difference, tolerance, name }, compared) {
  const width = Math.max(280, Math.min(520, byId("proofs").clientWidth - 40));
  const height = 170;
  const base = height - 38;
  const powers = difference.histogram.map(([power]) => power);
  const limit = tolerance ? Math.log10(tolerance) : null;
  const ends = [...powers, ...(limit === null ? [] : [limit])];
  const low = Math.floor(Math.min(...ends, -8));
  const high = Math.ceil(Math.max(...ends, -4) + 0.5);
  const zero = 46;
  const start = 66;
  const step = (width - start) / (high - low);
  const x = (power) => start + (power - low) * step;
  const tall = (count) => Math.max(3, ((base - 16) * Math.log10(1 + count)) / Math.log10(1 + compared));
  const label = `Histogram of the differences of ${name}: ${difference.equal} of ${compared} elements are equal, the largest difference is ${scientific(difference.largest)}`;
  const chart = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (let power = low; power <= high; power += 1) {
    chart.append(shape("line", { class: "grid", x1: x(power), x2: x(power), y1: 8, y2: base }));
    if ((step >= 38 || (power - low) % (step >= 20 ? 2 : 4) === 0) && power < high) {
      chart.append(shape("text", { class: "tick", x: x(power), y: base + 15, "text-anchor": "middle" }, `1e${power}`));
    }
  }
  const bar = (left, wide, count, style, text) => {
    const rect = shape("rect", { class: style, x: left, y: base - tall(count), width: wide, height: tall(count), rx: 2 });
    rect.append(shape("title", {}, `${text}: ${plural(count, "element")}`));
    chart.append(rect);
    chart.append(shape("text", { class: "tick", x: left + wide / 2, y: base - tall(count) - 4, "text-anchor": "middle" }, wide > 12 ? short(count).replace(" ", "") : ""));
  };
  if (difference.equal) bar(8, zero - 14, difference.equal, "bar zero", "equal");
  for (const [power, count] of difference.histogram) {
    bar(x(power) + 1, step / 2 - 2, count, "bar", `${scientific(10 ** power)} to ${scientific(10 ** (power + 0.5))}`);
  }
  chart.append(shape("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base }));
  chart.append(shape("text", { class: "tick", x: 8 + (zero - 14) / 2, y: base + 15, "text-anchor": "middle" }, "equal"));
  if (limit !== null) {
    chart.append(shape("line", { class: "limit", x1: x(limit), x2: x(limit), y1: 8, y2: base }));
    const late = x(limit) > width - 70;
    chart.append(shape("text", { class: "tick warn", x: x(limit) + (late ? -5 : 5), y: 17, "text-anchor": late ? "end" : "start" }, "tolerance"));
  }
  chart.append(shape("text", { class: "tick", x: width, y: height - 6, "text-anchor": "end" }, "difference; height: number of elements, logarithmic"));
  return chart;
}

// Memory

const outer = layers.flatMap((layer, at) => (layer.inside === undefined ? [at] : []));

function showMemory() {
  const { rows, live } = data.memory;
  const peak = Math.max(0, ...live);
  const sizes = sizesText();
  const at = live.indexOf(peak);
  byId("memory-about").textContent = live.length
    ? `What each input, output and buffer holds while the layers run, from left to right${sizes ? `, for ${sizes}` : ""}. ` +
      `At most ${bytes(peak)} are in use at once, in ${layers[outer[at]].name}; buffers keep the size of their largest tensor. ` +
      "A line inside a bar marks a layer that works in place."
    : "The model has no layers.";
  if (live.length) drawMemory(rows, live, peak);
}

function drawMemory(rows, live, peak) {
  const box = byId("memory-chart");
  const label = Math.min(200, Math.max(152, box.clientWidth * 0.24));
  const step = Math.max(5, Math.min(64, (box.clientWidth - label - 24) / live.length));
  const area = 84;
  const tall = 26;
  const width = label + step * live.length + 24;
  const height = area + 14 + tall * rows.length + 24;
  const chart = shape("svg", { width, height, role: "group", "aria-label": "Memory over time" });
  const x = (index) => label + step * index;
  const y = (size) => area - ((area - 14) * size) / (peak || 1);
  let path = `M${x(0)} ${area}`;
  live.forEach((size, index) => {
    path += `L${round(x(index))} ${round(y(size))}L${round(x(index + 1))} ${round(y(size))}`;
  });
  chart.append(
    shape("path", { class: "area", d: `${path}L${x(live.length)} ${area}Z` }),
    shape("line", { class: "axis", x1: label, x2: x(live.length), y1: area, y2: area }),
    shape("text", { class: "row-label", x: 16, y: 24 }, "in use"),
    shape("text", { class: "tick", x: 16, y: 40 }, `peak ${bytes(peak)}`),
  );
  rows.forEach((row, index) => {
    const top = area + 14 + tall * index;
    const name = fitted(row.label, label - 88, "12px system-ui, sans-serif");
    chart.append(
      shape("line", { class: "grid", x1: 16, x2: x(live.length), y1: top + tall - 2, y2: top + tall - 2 }),
      shape("text", { class: "row-label", x: 16, y: top + 16 }, name, shape("title", {}, row.label)),
      shape("text", { class: "tick", x: label - 10, y: top + 16, "text-anchor": "end" }, bytes(row.bytes)),
      ...row.spans.map((span) => spanBar(row, span, x, top, tall)),
    );
  });
  const bottom = area + 14 + tall * rows.length + 14;
  const every = Math.max(1, Math.ceil((live.length * 44) / (step * live.length)));
  for (let index = 0; index < live.length; index += every) {
    chart.append(shape("text", { class: "tick", x: x(index) + step / 2, y: bottom, "text-anchor": "middle" }, String(index + 1)));
  }
  chart.append(shape("text", { class: "tick", x: 16, y: bottom }, "layer"));
  box.append(chart);
}

function spanBar(row, span, x, top, tall) {
  const left = x(span.from) + 0.5;
  const width = x(span.to + 1) - x(span.from) - 1;
  const steps = span.values.map((value) => outer.indexOf(makers.get(value))).filter((at) => at >= 0);
  const places = [...new Set(steps)].filter((at) => at > span.from && layers[outer[at]].memory === "in place");
  const told = spanText(row, span, places);
  const group = shape("g", { class: row.label.startsWith("buffer") ? "span" : "span io", tabindex: 0, role: "button", "aria-label": told });
  group.append(
    shape("rect", { x: round(left), y: top, width: round(Math.max(1, width)), height: tall - 6, rx: 3 }),
    ...places.map((at) => shape("line", { x1: round(x(at)), x2: round(x(at)), y1: top + 3, y2: top + tall - 9 })),
    shape("title", {}, told),
  );
  if (width > 52) group.append(shape("text", { x: left + 6, y: top + 14 }, bytes(span.bytes)));
  const show = () => {
    document.querySelectorAll(".span.selected").forEach((other) => other.classList.remove("selected"));
    group.classList.add("selected");
    byId("memory-detail").textContent = told;
  };
  group.addEventListener("click", show);
  group.addEventListener("focus", show);
  return group;
}

function spanText(row, span, places) {
  const name = (at) => layers[outer[at]]?.name ?? "";
  const isInput = row.label.startsWith("input");
  const first = isInput ? "given before the first layer" : `written by ${name(span.from)} (${span.from + 1})`;
  const last = span.to > span.from || isInput ? `, used until ${name(span.to)} (${span.to + 1})` : "";
  const inPlace = places.length ? `; overwritten in place by ${places.slice(0, 4).map(name).join(", ")}${places.length > 4 ? " and others" : ""}` : "";
  return `${row.label}: ${bytes(span.bytes)}, ${first}${last}${inPlace}.`;
}

function showNotes() {
  if (data.notes.length) byId("note-list").append(...data.notes.map((note) => element("li", {}, note)));
  else {
    byId("notes").hidden = true;
    byId("notes-link").hidden = true;
  }
}
