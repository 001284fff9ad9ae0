// The memory over time: buffers as rows, layers as columns.

/** The layers outside of loops and branches: the steps of the chart. */
const topLevel = layers.flatMap((layer, at) => (layer.inside === undefined ? [at] : []));

function showMemory() {
  const { rows, live } = data.memory;
  const peak = Math.max(0, ...live);
  const sizes = sizesText();
  const at = live.indexOf(peak);
  byId("memory-about").textContent = live.length
    ? `What each input, output and buffer holds while the layers run, from left to right${sizes ? `, for ${sizes}` : ""}. ` +
      `At most ${bytes(peak)} are in use at once, in ${layers[topLevel[at]].name}; buffers keep the size of their largest tensor. ` +
      "A line inside a bar marks a layer that works in place."
    : "The model has no layers.";
  if (live.length) drawMemory(rows, live, peak);
}

function drawMemory(rows, live, peak) {
  const box = byId("memory-chart");
  const label = Math.min(200, Math.max(152, box.clientWidth * 0.24));
  const step = Math.max(5, Math.min(160, (box.clientWidth - label - 24) / live.length));
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
    chart.append(
      shape("text", { class: "tick", x: x(index) + step / 2, y: bottom, "text-anchor": "middle" }, String(index + 1)),
    );
  }
  chart.append(shape("text", { class: "tick", x: 16, y: bottom }, "layer"));
  box.append(chart);
}

function spanBar(row, span, x, top, tall) {
  const left = x(span.from) + 0.5;
  const width = x(span.to + 1) - x(span.from) - 1;
  const steps = span.values.map((value) => topLevel.indexOf(makers.get(value))).filter((at) => at >= 0);
  const places = [...new Set(steps)].filter((at) => at > span.from && layers[topLevel[at]].memory === "in place");
  const told = spanText(row, span, places);
  const group = shape("g", {
    class: row.label.startsWith("buffer") ? "span" : "span io",
    tabindex: 0,
    role: "button",
    "aria-label": told,
  });
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
  const name = (at) => layers[topLevel[at]]?.name ?? "";
  const isInput = row.label.startsWith("input");
  const first = isInput ? "given before the first layer" : `written by ${name(span.from)} (${span.from + 1})`;
  const last = span.to > span.from || isInput ? `, used until ${name(span.to)} (${span.to + 1})` : "";
  const inPlace = places.length
    ? `; overwritten in place by ${places.slice(0, 4).map(name).join(", ")}${places.length > 4 ? " and others" : ""}`
    : "";
  return `${row.label}: ${bytes(span.bytes)}, ${first}${last}${inPlace}.`;
}
