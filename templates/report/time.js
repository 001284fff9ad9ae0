// The time of each layer, from the file profile.json that a crate's benchmark writes.

function startTime() {
  byId("profile").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) showProfile(await file.text());
  });
}

function showProfile(text) {
  let runs;
  try {
    runs = readProfile(text);
  } catch (error) {
    byId("times").replaceChildren(element("p", {}, `This is not a profile of a crate: ${error.message}.`));
    return;
  }
  byId("times").replaceChildren(...runs.flatMap(runTable));
}

function readProfile(text) {
  const found = JSON.parse(text);
  if (found?.version !== 1 || !Array.isArray(found.runs)) throw new Error("it has no runs of version 1");
  return found.runs.map(({ batch, layers: timed }) => ({
    batch: Number(batch),
    layers: timed.map((layer) => ({
      name: String(layer.name),
      kind: String(layer.kind),
      calls: Math.max(1, Number(layer.calls)),
      seconds: Number(layer.seconds),
      multiplyAdds: Number(layer.multiply_adds),
      bytes: Number(layer.bytes),
    })),
  }));
}

/** The layers of a run, the slowest first. */
function runTable(run) {
  const total = run.layers.reduce((sum, layer) => sum + layer.seconds, 0);
  const slowest = [...run.layers].sort((a, b) => b.seconds - a.seconds);
  const most = slowest.length ? slowest[0].seconds : 1;
  const head = ["Layer", "Kind", "Time", "µs per call", "GFLOP/s", "GB/s"];
  const rows = slowest.map((layer) => {
    const bar = element("i");
    bar.style.width = `${(100 * layer.seconds) / (most || 1)}%`;
    const rate = (count) => (layer.seconds && count ? (count / layer.seconds / 1e9).toPrecision(3) : "");
    return element(
      "tr",
      {},
      element("td", { class: "name" }, timedName(layer.name)),
      element("td", { class: "kind family", "data-family": familyOf(layer.kind) }, layer.kind),
      number(
        `${((100 * layer.seconds) / (total || 1)).toFixed(1)} %`,
        "Time",
        element("span", { class: "share" }, bar),
      ),
      number(((1e6 * layer.seconds) / layer.calls).toPrecision(3), "µs per call"),
      number(rate(2 * layer.multiplyAdds), "GFLOP/s"),
      number(rate(layer.bytes), "GB/s"),
    );
  });
  return [
    element("h3", {}, `Batch ${run.batch}`),
    element(
      "div",
      { class: "table-box" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...head.map((text, at) => headCell(text, at > 1)))),
        element("tbody", {}, ...rows),
      ),
    ),
  ];
}

function timedName(name) {
  const at = layers.findIndex((layer) => layer.name === name);
  return at < 0 ? name : tableLink(at);
}
