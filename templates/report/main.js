// The head of the page, the notes, the theme and the start.

function showHead() {
  const { source, totals, proof } = data;
  byId("source").append(
    `${source.file} · SHA-256 `,
    element("span", { class: "mono", title: source.sha256 }, `${source.sha256.slice(0, 12)}…`),
    ` · ${isConverted ? `${proof.reference} · ` : ""}tf2rust ${data.tf2rust}`,
  );
  const differences = (proof?.outputs ?? [])
    .filter(({ difference, tolerance }) => difference && difference.largest <= tolerance)
    .map(({ difference, tolerance }) => [difference.largest, tolerance]);
  differences.sort((a, b) => b[0] - a[0]);
  const sizes = sizesText();
  const entries = [
    ["Layers", whole.format(totals.layers), ""],
    ["Parameters", short(totals.parameters), totals.parameters > 999 ? whole.format(totals.parameters) : ""],
    ["Multiply-adds", short(totals.multiply_adds), sizes ? `for ${sizes}` : "per prediction"],
    ["Weights", bytes(totals.weight_bytes), "packed for the kernels"],
  ];
  if (isConverted) {
    entries.push(["Workspace", bytes(totals.workspace_bytes), sizes ? `for ${sizes}` : "per prediction"]);
  } else {
    const causes = unmatched.filter(({ blocked_by }) => blocked_by === null).length;
    const note = causes ? "the model cannot be converted" : "every node became a layer or needs none";
    entries.unshift(["Unmatched nodes", whole.format(causes), note, causes ? "refusal" : ""]);
  }
  if (differences.length) {
    const [largest, tolerance] = differences[0];
    entries.push(["Largest difference", scientific(largest), `tolerance ${scientific(tolerance)}`]);
  }
  for (const [name, value, note, style] of entries) {
    byId("totals").append(
      element("div", { class: style || undefined }, element("dt", {}, name), element("dd", {}, value, note ? element("small", {}, note) : null)),
    );
  }
}

const THEMES = { auto: "dark", dark: "light", light: "auto" };

function startTheme() {
  const button = byId("theme");
  let theme = "auto";
  try {
    theme = localStorage.getItem("tf2rust-theme") ?? "auto";
  } catch {
    // A page from a file may have no storage.
  }
  const apply = () => {
    if (!(theme in THEMES)) theme = "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.title = `Change to ${THEMES[theme]}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[theme];
    try {
      localStorage.setItem("tf2rust-theme", theme);
    } catch {
      // The choice lasts as long as the page.
    }
    apply();
  });
  apply();
}

function showNotes() {
  if (data.notes.length) byId("note-list").append(...data.notes.map((note) => element("li", {}, note)));
  else {
    byId("notes").hidden = true;
    byId("notes-link").hidden = true;
  }
}

/** Marks the section in view in the navigation. */
function followSections() {
  const links = [...document.querySelectorAll(".page-nav a")];
  const seen = new Map();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) seen.set(entry.target.id, entry.isIntersecting);
      const current = links.find((anchor) => seen.get(anchor.hash.slice(1)));
      for (const anchor of links) {
        if (anchor === current) anchor.setAttribute("aria-current", "true");
        else anchor.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-20% 0px -60% 0px" },
  );
  document.querySelectorAll("main section").forEach((section) => observer.observe(section));
}

startTheme();
showHead();
startGraph(showDetails);
showDetails(null);
showLayers();
if (isConverted) {
  showProof();
  showQuantization();
  showMemory();
  startTime();
} else showUnmatched();
showNotes();
followSections();
