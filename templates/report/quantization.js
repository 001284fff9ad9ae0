// The quantization: how each output agrees with the float model, and the noise of each layer.

const NOISIEST = 1; // dB above the lowest ratio
const METHODS = { mse: "least squared error", percentile: "percentiles", minmax: "extremes" };

function showQuantization() {
  const found = data.quantization;
  if (!found) return;
  byId("quantization").hidden = false;
  byId("quantization-link").hidden = false;
  const calibrated = found.calibration_method ? `, with ranges by ${METHODS[found.calibration_method]}` : "";
  byId("quantization-about").textContent =
    `Mode ${found.mode}${calibrated}. The quantized model was compared with the float model on ${plural(found.samples, "sample")}. ` +
    (found.layers.some((layer) => layer.signal_to_noise_db !== undefined)
      ? "The noise of a layer includes that of the layers before it; the first layers of a chain with a low ratio are the ones to keep in float. " +
        `Bars within ${NOISIEST} dB of the lowest ratio are orange.`
      : "The noise of the layers is not measured in this mode.");
  byId("agreements").append(...found.outputs.map(agreementCard));
  const head = ["Layer", "ONNX node", "Computes with", "Signal to noise"];
  byId("noise").append(
    element("thead", {}, element("tr", {}, ...head.map((text, at) => headCell(text, at === 3)))),
    element("tbody", {}, ...noiseRows(found.layers)),
  );
}

function agreementCard(output) {
  const entries = [
    ["largest difference", scientific(output.largest_difference)],
    ["root mean square", `${scientific(output.rms_difference)}, ${percent(output.relative_rms_difference)} of the output`],
    ["signal to noise", decibels(output.signal_to_noise_db)],
    ["cosine", output.cosine.toFixed(6)],
  ];
  if (output.rows) {
    const share = percent(output.same_class / output.rows);
    entries.push(["same class", `${whole.format(output.same_class)} of ${plural(output.rows, "row")}, ${share}`]);
  }
  if (output.auc_float !== undefined) {
    entries.push(["AUC", `${output.auc_quantized.toFixed(4)}; float: ${output.auc_float.toFixed(4)}`]);
  }
  return element("article", { class: "card" }, element("h3", {}, output.output), list(entries));
}

/** The rows of the layers, with bars; those of the noisiest layers are marked. */
function noiseRows(rows) {
  const ratios = rows.map((layer) => layer.signal_to_noise_db).filter(Number.isFinite);
  const most = Math.max(1, ...ratios);
  const least = Math.min(...ratios);
  const numbers = new Map(layers.map((layer, at) => [layer.name, at]));
  return rows.map((layer) => noiseRow(layer, numbers.get(layer.layer), most, least));
}

function noiseRow({ layer, node, why_float, signal_to_noise_db: ratio }, at, most, least) {
  const bar = element("i");
  bar.style.width = `${Math.max(0, (100 * ratio) / most)}%`;
  const isLow = ratio < least + NOISIEST;
  const share = Number.isFinite(ratio) ? element("span", { class: isLow ? "share low" : "share" }, bar) : null;
  return element(
    "tr",
    {},
    element("td", { class: "name" }, at === undefined ? layer : tableLink(at)),
    element("td", { class: "nodes" }, node),
    element("td", { class: "computes" }, why_float ? `float: ${why_float}` : "integers"),
    number(decibels(ratio), "Signal to noise", share),
  );
}

function decibels(ratio) {
  if (ratio === undefined) return "not measured";
  return ratio === null ? "no noise" : `${ratio.toFixed(1)} dB`;
}

/** A share of at most 1: two digits of a small one, two decimals of others. */
function percent(share) {
  const text = share < 0.1 ? scientific(100 * share) : String(Number((100 * share).toFixed(2)));
  return `${text} %`;
}
