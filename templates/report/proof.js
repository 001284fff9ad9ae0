// The proof: the tolerance of each output, and a histogram of the differences.

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
      [
        "worst",
        difference.worst === null
          ? ""
          : `${data.proof.unit} ${difference.worst} of ${data.proof.samples}, counted from 0`,
      ],
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
    const rect = shape("rect", {
      class: style,
      x: left,
      y: base - tall(count),
      width: wide,
      height: tall(count),
      rx: 2,
    });
    rect.append(shape("title", {}, `${text}: ${plural(count, "element")}`));
    chart.append(rect);
    chart.append(
      shape(
        "text",
        { class: "tick", x: left + wide / 2, y: base - tall(count) - 4, "text-anchor": "middle" },
        wide > 12 ? short(count).replace(" ", "") : "",
      ),
    );
  };
  if (difference.equal) bar(8, zero - 14, difference.equal, "bar zero", "equal");
  for (const [power, count] of difference.histogram) {
    bar(x(power) + 1, step / 2 - 2, count, "bar", `${scientific(10 ** power)} to ${scientific(10 ** (power + 0.5))}`);
  }
  chart.append(shape("line", { class: "axis", x1: 0, x2: width, y1: base, y2: base }));
  chart.append(
    shape("text", { class: "tick", x: 8 + (zero - 14) / 2, y: base + 15, "text-anchor": "middle" }, "equal"),
  );
  if (limit !== null) {
    chart.append(shape("line", { class: "limit", x1: x(limit), x2: x(limit), y1: 8, y2: base }));
    const late = x(limit) > width - 70;
    chart.append(
      shape(
        "text",
        { class: "tick warn", x: x(limit) + (late ? -5 : 5), y: 17, "text-anchor": late ? "end" : "start" },
        "tolerance",
      ),
    );
  }
  chart.append(
    shape(
      "text",
      { class: "tick", x: width, y: height - 6, "text-anchor": "end" },
      "difference; height: number of elements, logarithmic",
    ),
  );
  return chart;
}
