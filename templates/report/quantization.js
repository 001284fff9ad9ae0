// The quantization: how each output agrees with the float model, and the noise of each layer.

function showQuantization() {
  const found = data.quantization;
  if (!found) return;
  byId("quantization").hidden = false;
  byId("quantization-link").hidden = false;
  const calibrated = found.calibration_method ? `, with ranges by ${found.calibration_method}` : "";
  byId("quantization-about").textContent =
    `Mode ${found.mode}${calibrated}. The quantized model was compared with the float model on ${plural(found.samples, "sample")}. ` +
    "The noise of a layer includes that of the layers before it; the first layers of a chain with a low ratio are the ones to keep in float.";
  byId("agreements").append(...found.outputs.map(agreementCard));
  const head = ["Layer", "ONNX node", "Computes with", "Signal to noise"];
  byId("noise").append(
    element("thead", {}, element("tr", {}, ...head.map((text, at) => headCell(text, at === 3)))),
    element("tbody", {}, ...found.layers.map(noiseRow)),
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

function noiseRow(layer) {
  return element(
    "tr",
    {},
    element("td", { class: "name" }, layer.layer),
    element("td", { class: "nodes" }, layer.node),
    element("td", { class: "rules" }, layer.why_float ? `float: ${layer.why_float}` : "integers"),
    number(decibels(layer.signal_to_noise_db), "Signal to noise"),
  );
}

function decibels(ratio) {
  if (ratio === undefined) return "not measured";
  return ratio === null ? "no noise" : `${ratio.toFixed(1)} dB`;
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
