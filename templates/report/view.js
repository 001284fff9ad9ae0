// What the user does with the graph: pan, zoom, unfold, select and search.

let selected = null;
let hits = [];
let hitAt = -1;
let onSelect = () => {};

// Camera

function applyView() {
  camera.setAttribute("transform", `translate(${round(view.x)} ${round(view.y)}) scale(${view.scale.toFixed(4)})`);
}

function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(3, Math.max(0.03, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  applyView();
}

function zoomToFit() {
  const margin = 24;
  const across = (stage.clientWidth - 2 * margin) / root.width;
  const down = (stage.clientHeight - 2 * margin) / root.height;
  view.scale = Math.min(1, across, down);
  view.x = (stage.clientWidth - root.width * view.scale) / 2;
  view.y = Math.max(margin, (stage.clientHeight - root.height * view.scale) / 2);
  applyView();
}

/** The beginning of the graph at a size that can be read, or all of it if that is possible. */
function showStart() {
  const least = stage.clientWidth > 700 ? 0.58 : 0.7;
  zoomToFit();
  if (view.scale >= least) return;
  view.scale = Math.max(least, Math.min(0.95, (stage.clientWidth - 32) / root.width));
  const first = root.items[0];
  const middle = root.width * view.scale <= stage.clientWidth - 32 ? root.width / 2 : first.left + first.width / 2;
  view.x = stage.clientWidth / 2 - middle * view.scale;
  view.y = 20;
  applyView();
}

function centre(inner) {
  if (view.scale < 0.5) view.scale = 0.9;
  view.x = stage.clientWidth / 2 - (inner.left + inner.width / 2) * view.scale;
  const middle = inner.height * view.scale > stage.clientHeight ? 80 / view.scale : inner.height / 2;
  view.y = stage.clientHeight / 2 - (inner.top + middle) * view.scale;
  applyView();
}

// Unfolding

/** Opens or closes an item, and leaves its corner where it is on the screen. */
function toggle(id) {
  const inner = items.get(id);
  const before = drawn.has(id) ? { x: inner.left + inner.width / 2, y: inner.top } : null;
  if (open.has(id)) open.delete(id);
  else open.add(id);
  redraw();
  if (before) {
    view.x += (before.x - inner.left - inner.width / 2) * view.scale;
    view.y += (before.y - inner.top) * view.scale;
    applyView();
  }
  if (selected === inner) onSelect(inner);
}

function reveal(inner) {
  let changed = false;
  for (let outer = inner.parent; outer; outer = outer.parent) {
    if (outer.type !== "body" && outer.type !== "model" && !open.has(outer.id)) {
      open.add(outer.id);
      changed = true;
    }
  }
  if (changed) redraw();
}

function unfoldBlocks() {
  for (const inner of items.values()) if (inner.type === "block") open.add(inner.id);
  redraw();
  showStart();
}

function foldAll() {
  open.clear();
  redraw();
  showStart();
}

// Selection

function select(inner, { move = false } = {}) {
  selected = inner;
  if (inner && move) {
    reveal(inner);
    centre(inner);
  }
  markSelected();
  onSelect(inner);
}

function markSelected() {
  for (const [id, group] of drawn) group.classList.toggle("selected", selected?.id === id);
  for (const { ends, parts } of drawnEdges) {
    const near = selected !== null && ends.includes(selected.id);
    for (const part of parts) part.classList.toggle("near", near);
  }
}

/** The visible item that an item is drawn in: itself, or the closed container around it. */
function shownAs(inner) {
  let found = inner;
  for (let outer = inner.parent; outer; outer = outer.parent) if (!drawn.has(found.id)) found = outer;
  return found;
}

/** The next item in a direction: along an edge, or beside the selected one. */
function neighbour(key) {
  const down = key === "ArrowDown";
  if (down || key === "ArrowUp") {
    const found = drawnEdges
      .filter(({ ends }) => ends[down ? 0 : 1] === selected.id && ends[down ? 1 : 0])
      .map(({ ends }) => items.get(ends[down ? 1 : 0]));
    if (found.length) return found.sort((a, b) => distanceTo(a) - distanceTo(b))[0];
  }
  const centreOf = (inner) => [inner.left + inner.width / 2, inner.top + inner.height / 2];
  const [x, y] = centreOf(selected);
  const candidates = [...drawn.keys()]
    .map((id) => items.get(id))
    .filter((inner) => inner !== selected && !inner.isOpen && inner.type !== "body")
    .map((inner) => ({ inner, apart: centreOf(inner) }))
    .map(({ inner, apart }) => ({ inner, dx: apart[0] - x, dy: apart[1] - y }))
    .filter(({ dx, dy }) => ({ ArrowDown: dy > 10, ArrowUp: dy < -10, ArrowLeft: dx < -10, ArrowRight: dx > 10 })[key]);
  const across = key === "ArrowLeft" || key === "ArrowRight";
  candidates.sort((a, b) => cost(a, across) - cost(b, across));
  return candidates[0]?.inner ?? null;
}

function cost({ dx, dy }, across) {
  return across ? Math.abs(dx) + 4 * Math.abs(dy) : Math.abs(dy) + 4 * Math.abs(dx);
}

function distanceTo(inner) {
  return Math.abs(inner.top - selected.top) + Math.abs(inner.left - selected.left);
}

// Search

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  hits = words.length ? layers.map((_, number) => number).filter((number) => matches(number, words)) : [];
  hitAt = -1;
  stage.classList.toggle("searching", words.length > 0);
  markHits();
  byId("found").textContent = words.length ? plural(hits.length, "layer") : "";
}

/** What the searches find an unmatched node by. */
function reasonText(number) {
  const { node, op, nearest_rule, reason, inside } = unmatched[number];
  return [node, op, nearest_rule ?? "", reason, ...inside].join("\n");
}

const texts = layers.map((layer) =>
  [layer.name, layer.kind, ...layer.rules, ...layer.nodes.flat(), ...(layer.unmatched ?? []).map(reasonText)]
    .join("\n")
    .toLowerCase(),
);

function matches(number, words) {
  return words.every((word) => texts[number].includes(word));
}

function markHits() {
  const shown = new Set(hits.map((number) => shownAs(items.get(`layer${number}`)).id));
  for (const [id, group] of drawn) group.classList.toggle("hit", shown.has(id));
}

function nextHit(step) {
  if (!hits.length) return;
  hitAt = (hitAt + step + hits.length) % hits.length;
  select(items.get(`layer${hits[hitAt]}`), { move: true });
  byId("found").textContent = `${hitAt + 1} of ${hits.length}`;
}

// Events

function listen() {
  const pointers = new Map();
  let moved = 0;
  let apart = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
    apart = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    pointers.set(event.pointerId, now);
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (moved > 4 && !stage.hasPointerCapture(event.pointerId)) {
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("dragging");
    }
    view.x += (now[0] - before[0]) / pointers.size;
    view.y += (now[1] - before[1]) / pointers.size;
    if (pointers.size === 2) {
      const [[ax, ay], [bx, by]] = [...pointers.values()];
      const distance = Math.hypot(ax - bx, ay - by);
      const frame = stage.getBoundingClientRect();
      if (apart) zoomBy(distance / apart, (ax + bx) / 2 - frame.left, (ay + by) / 2 - frame.top);
      apart = distance;
    }
    if (moved > 4) applyView();
  });
  const released = (event) => {
    pointers.delete(event.pointerId);
    stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", released);
  stage.addEventListener("pointercancel", released);
  stage.addEventListener("click", (event) => {
    if (moved > 4) return;
    const toggled = event.target.closest("[data-toggle]");
    if (toggled) return toggle(toggled.dataset.toggle);
    const box = event.target.closest("[data-id]");
    select(box ? items.get(box.dataset.id) : null);
  });
  stage.addEventListener("dblclick", (event) => {
    const box = event.target.closest("[data-id]");
    if (box && !event.target.closest("[data-toggle]") && items.get(box.dataset.id).items.length) toggle(box.dataset.id);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      // Without Ctrl, the wheel scrolls the page until the graph has the focus.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== stage) return;
      event.preventDefault();
      const frame = stage.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 30 : 1;
      zoomBy(
        Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.008 : 0.0016)),
        event.clientX - frame.left,
        event.clientY - frame.top,
      );
    },
    { passive: false },
  );
  stage.addEventListener("keydown", onKey);
  byId("zoom-in").addEventListener("click", () => zoomBy(1.3));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.3));
  byId("zoom-fit").addEventListener("click", zoomToFit);
  byId("unfold").addEventListener("click", unfoldBlocks);
  byId("fold").addEventListener("click", foldAll);
  const field = byId("search");
  field.addEventListener("input", () => search(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
  });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const pans = { ArrowUp: [0, 60], ArrowDown: [0, -60], ArrowLeft: [60, 0], ArrowRight: [-60, 0] };
  const actions = {
    "+": () => zoomBy(1.25),
    "=": () => zoomBy(1.25),
    "-": () => zoomBy(1 / 1.25),
    0: zoomToFit,
    Escape: () => select(null),
    Enter: () => selected?.items.length && toggle(selected.id),
    " ": () => selected?.items.length && toggle(selected.id),
  };
  if (event.key in pans) {
    const next = selected && drawn.has(selected.id) ? neighbour(event.key) : null;
    if (next) {
      select(next);
      centre(next);
    } else if (!selected) {
      view.x += pans[event.key][0];
      view.y += pans[event.key][1];
      applyView();
    }
  } else if (event.key in actions) actions[event.key]();
  else return;
  event.preventDefault();
}

function drawLegend() {
  const used = new Set(layers.filter((layer) => unmatchedIn(layer) !== "whole").map((layer) => familyOf(layer.kind)));
  for (const [family, label] of [...FAMILIES, ["other", "other"]]) {
    if (used.has(family)) byId("legend").append(element("span", { "data-family": family }, element("i"), label));
  }
  if (unmatched.length) {
    byId("legend").prepend(element("span", { "data-family": "refused" }, element("i"), "unmatched"));
  }
}

/** A printed page shows the whole graph. */
function printable() {
  window.addEventListener("beforeprint", () => {
    camera.removeAttribute("transform");
    svg.setAttribute("viewBox", `-8 -8 ${root.width + 16} ${root.height + 16}`);
  });
  window.addEventListener("afterprint", () => {
    svg.removeAttribute("viewBox");
    applyView();
  });
}

function startGraph(onSelected) {
  onSelect = onSelected;
  buildItems();
  redraw();
  showStart();
  listen();
  printable();
  drawLegend();
}
