import { hasSimd, load } from "./model/wasm/index.js";
import { encode, LENGTH } from "./encode.js";

const EXAMPLES = ["github.com", "rust-lang.org", "xjwqzkvbhpt.biz", "kq3v9xw0zptl.ru"];
const element = (id) => document.getElementById(id);
const domain = element("domain");
const model = await load();

/** The scores of domains, in one prediction. */
function score(domains) {
  const data = new Int32Array(domains.length * LENGTH);
  domains.forEach((text, row) => data.set(encode(text), row * LENGTH));
  const { dense_4 } = model.predict({ domain_input: { data, shape: [domains.length, LENGTH] } });
  return dense_4.data;
}

/** The microseconds of a prediction: the fastest of some rounds, because browsers have coarse clocks. */
function microseconds(text) {
  const rounds = Array.from({ length: 5 }, () => {
    const start = performance.now();
    let calls = 0;
    for (; performance.now() - start < 4; calls++) {
      score([text]);
    }
    return (performance.now() - start) / calls;
  });
  return 1000 * Math.min(...rounds);
}

function show() {
  const text = domain.value.trim();
  element("result").hidden = text === "";
  // Row n is the domain's first n characters.
  const prefixes = Array.from(text, (_, n) => text.slice(0, n + 1));
  const scores = text === "" ? [] : score(prefixes);
  const last = scores.at(-1) ?? 0;
  element("score").value = last;
  element("percent").value = `${(100 * last).toFixed(1)} %`;
  element("verdict").textContent = last >= 0.5 ? "Probably made up by malware" : "Probably chosen by people";
  element("result").classList.toggle("generated", last >= 0.5);
  const chart = element("prefixes");
  chart.replaceChildren(...prefixes.map((prefix, n) => column(prefix, scores[n])));
  chart.scrollLeft = chart.scrollWidth;
}

/** A bar above the last character of a prefix. */
function column(prefix, height) {
  const item = document.createElement("li");
  item.title = `${prefix}: ${(100 * height).toFixed(1)} %`;
  item.style.setProperty("--score", height);
  item.classList.toggle("generated", height >= 0.5);
  item.textContent = prefix.at(-1);
  return item;
}

for (const example of EXAMPLES) {
  const button = element("examples").appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = example;
  button.addEventListener("click", () => {
    domain.value = example;
    show();
  });
}
domain.addEventListener("input", show);
domain.disabled = false;
domain.focus();
show();
const time = microseconds(domain.value).toFixed(0);
element("speed").textContent = `One prediction takes ${time} µs${hasSimd() ? " with SIMD" : " without SIMD"} on this machine.`;
