// The unmatched nodes of a model that was not converted, with their reasons.

function showUnmatched() {
  for (const id of ["proof", "memory", "time"]) {
    byId(id).hidden = true;
    byId(`${id}-link`).hidden = true;
  }
  if (!unmatched.length) return;
  byId("unmatched").hidden = false;
  byId("unmatched-link").hidden = false;
  const numbers = [...unmatched.keys()];
  const causes = numbers.filter((at) => unmatched[at].blocked_by === null);
  const blocked = numbers.filter((at) => unmatched[at].blocked_by !== null);
  byId("unmatched-about").textContent =
    `${plural(causes.length, "node")} ${causes.length === 1 ? "has" : "have"} no rule that matches, so the model cannot be converted. ` +
    "The nearest rule is the one that fits best; the reason says why it does not match. " +
    (blocked.length ? `${plural(blocked.length, "other node")} only ${blocked.length === 1 ? "depends" : "depend"} on them.` : "");
  const rows = causes.map(reasonRow);
  const head = ["Node", "Operator", "Reason", "Nearest rule"];
  byId("reasons").append(
    element("thead", {}, element("tr", {}, ...head.map((text) => headCell(text, false)))),
    element("tbody", {}, ...rows),
  );
  const found = causes.map((at) => reasonText(at).toLowerCase());
  const field = byId("reason-filter");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => found[at].includes(word));
    });
    const shown = rows.filter((row) => !row.hidden).length;
    byId("reasons-filtered").textContent = words.length ? `${shown} of ${plural(rows.length, "node")}` : "";
  });
  if (blocked.length) showBlocked(blocked);
  const first = causes.map((at) => unmatched[at].box).find((box) => box !== null);
  if (first !== undefined) select(items.get(`layer${first}`), { move: true });
}

/** The name of an unmatched node; a click shows its box in the graph. */
function nodeName(at) {
  const { node, box } = unmatched[at];
  if (box === null) return node;
  const name = element("button", { type: "button", class: "link", title: "Show in the graph" }, node);
  name.addEventListener("click", () => {
    select(items.get(`layer${box}`), { move: true });
    byId("graph").scrollIntoView();
  });
  return name;
}

function reasonRow(at) {
  const { op, attributes, reason, nearest_rule, inside } = unmatched[at];
  const given = Object.keys(attributes).length ? attributeText(attributes) : "";
  const where = inside.map((holder) => ` in the body of ${holder}`).join("");
  return element(
    "tr",
    {},
    element("td", { class: "name" }, nodeName(at), where ? element("span", { class: "muted small" }, where) : null),
    element("td", { class: "kind refusal" }, op),
    element("td", { class: "reason" }, reason, given ? element("span", { class: "given" }, given) : null),
    element("td", { class: "rule" }, nearest_rule ?? ""),
  );
}

function showBlocked(numbers) {
  const names = element("ul");
  const title = `Nodes that only depend on unmatched nodes (${whole.format(numbers.length)})`;
  const details = element("details", {}, element("summary", {}, title), names);
  details.addEventListener("toggle", () => {
    if (!names.children.length) {
      names.append(...numbers.map((at) => element("li", {}, `${unmatched[at].op} `, nodeName(at))));
    }
  });
  byId("blocked-nodes").append(details);
}
