// One clock for the page: a player, every plot over time, one cursor, one zoom.
// A plot is on the clock when its layout.meta.extent says which seconds it covers.
const state = { view: null, window: null, from: 0, stopAt: null, loop: false, busy: false, place: null };
const wired = new WeakSet();

// A plot is heard through the player of the side it stands in (.own-clock), else the page's one.
const home = (node) => node.closest(".own-clock");
const place = () =>
  state.place?.isConnected && state.place.offsetParent
    ? state.place
    : [...document.querySelectorAll(".own-clock")].find((side) => side.offsetParent) ?? null;
const player = () => (place() ? place().querySelector("audio") : document.querySelector("#player audio"));
const graphs = () =>
  [...document.querySelectorAll(".js-plotly-plot")].filter((g) => g.layout?.meta?.extent && g.offsetParent);

// Plotly's private fields: here, and the plot's height in tick. Seconds <-> pixels from the left.
const axis = (graph) => graph._fullLayout?.xaxis;
const toPixel = (graph, seconds) => axis(graph)._offset + axis(graph).l2p(seconds);
const toSeconds = (graph, event) =>
  axis(graph).p2l(event.clientX - graph.getBoundingClientRect().left - axis(graph)._offset);

function seek(seconds, stopAt = null) {
  const audio = player();
  if (!audio) return;
  state.stopAt = stopAt;
  state.from = Math.max(0, seconds);
  audio.currentTime = state.from;
  audio.play().catch(() => {}); // a browser may want a click on the page first
}

function hear(start, stop) {
  state.window = { start, stop };
  seek(start, stop);
  if (!place()) trigger("hear", { start, stop });
}

// A plot shows the part of the view that it covers; a window's evidence outside the view stays whole.
function ranged(graph) {
  const [first, last] = graph.layout.meta.extent;
  if (!state.view) return [first, last];
  const start = Math.max(first, state.view.start);
  const stop = Math.min(last, state.view.stop);
  return stop - start > 0.01 ? [start, stop] : [first, last];
}

function zoom(graph) {
  const [start, stop] = ranged(graph);
  const keys = Object.keys(graph.layout).filter((key) => /^xaxis\d*$/.test(key));
  const now = axis(graph)?.range;
  if (!now || (Math.abs(now[0] - start) < 1e-6 && Math.abs(now[1] - stop) < 1e-6)) return null;
  return window.Plotly.relayout(graph, Object.fromEntries(keys.map((key) => [`${key}.range`, [start, stop]])));
}

async function show(view) {
  state.view = view && view.stop - view.start > 0.02 ? view : null;
  state.busy = true;
  try {
    await Promise.all(graphs().map(zoom));
  } finally {
    state.busy = false;
  }
  if (!place()) trigger("look", state.view ?? { start: null, stop: null });
}

function relaid(changes) {
  if (state.busy) return;
  const keys = Object.keys(changes);
  const start = keys.find((key) => /^xaxis\d*\.range\[0\]$/.test(key));
  if (start) show({ start: changes[start], stop: changes[start.replace("[0]", "[1]")] });
  else if (keys.some((key) => /^xaxis\d*\.(autorange|range)$/.test(key))) show(null);
}

function clicked(graph, data) {
  if (home(graph) !== place()) player()?.pause();
  state.place = home(graph);
  const marked = data.points.find((point) => point.customdata?.length === 2);
  if (marked) hear(marked.customdata[0], marked.customdata[1]);
  else seek(toSeconds(graph, data.event));
}

// On a phone the margins, made for long labels and a wide page, would leave little of the plot.
const PHONE = 480; // pixels
function fit() {
  for (const graph of document.querySelectorAll(".js-plotly-plot")) {
    const { l = 0, r = 0 } = graph.layout?.margin ?? {};
    if (!graph.offsetParent || graph.clientWidth > PHONE) continue;
    const less = { "margin.l": l === 92 && graph.layout.meta?.extent ? 62 : l, "margin.r": Math.min(r, 54) };
    if (less["margin.l"] !== l || less["margin.r"] !== r) window.Plotly.relayout(graph, less);
  }
}

function wire() {
  fit();
  for (const graph of graphs()) {
    if (wired.has(graph) || !graph.on || !axis(graph)) continue;
    wired.add(graph);
    const cursor = document.createElement("div");
    cursor.className = "clock-cursor";
    (graph.querySelector(".svg-container") ?? graph).appendChild(cursor);
    graph.on("plotly_click", (data) => clicked(graph, data));
    graph.on("plotly_relayout", relaid);
    graph.on("plotly_doubleclick", () => setTimeout(() => show(null)));
    zoom(graph);
  }
}

const shown = (seconds) => {
  const whole = Math.floor(seconds / 60);
  return `${whole}:${(seconds - 60 * whole).toFixed(2).padStart(5, "0")}`;
};

function tick() {
  const audio = player();
  if (audio && state.stopAt !== null && audio.currentTime >= state.stopAt) {
    if (state.loop) audio.currentTime = state.from;
    else {
      audio.pause();
      audio.currentTime = state.stopAt;
      state.stopAt = null;
    }
  }
  const now = audio?.currentTime ?? 0;
  for (const graph of graphs()) {
    const cursor = graph.querySelector(".clock-cursor");
    const range = axis(graph)?.range;
    if (!cursor || !range) continue;
    const inside = audio && home(graph) === place() && now >= range[0] && now <= range[1];
    cursor.style.display = inside ? "block" : "none";
    if (!inside) continue;
    const { t, h } = graph._fullLayout._size;
    Object.assign(cursor.style, { top: `${t}px`, height: `${h}px`, transform: `translateX(${toPixel(graph, now)}px)` });
  }
  const clock = document.querySelector("#clock");
  if (clock && audio && isFinite(audio.duration)) clock.textContent = `${shown(now)} / ${shown(audio.duration)}`;
  requestAnimationFrame(tick);
}

// The windows of the clip, from the markers of the score plot, in order.
function windows() {
  const marks = graphs().flatMap((graph) => graph.data.flatMap((trace) => trace.customdata ?? []));
  const unique = new Map(marks.filter((mark) => mark.length === 2).map((mark) => [mark[0], mark]));
  return [...unique.values()].sort((one, other) => one[0] - other[0]);
}

function step(by) {
  const all = windows();
  if (!all.length) return;
  const now = state.window ? all.findIndex((mark) => Math.abs(mark[0] - state.window.start) < 0.01) : -1;
  const next = all[Math.min(Math.max(now + by, 0), all.length - 1)];
  hear(next[0], next[1]);
}

const acts = {
  play: () => (player()?.paused ? ((state.stopAt = null), player().play()) : player()?.pause()),
  whole: () => seek(0),
  window: () => (state.window ? hear(state.window.start, state.window.stop) : step(1)),
  loop: (button) => button?.setAttribute("aria-pressed", String((state.loop = !state.loop))),
  stretch: () => state.view && seek(state.view.start, state.view.stop),
  zoom: () => state.window && show(state.window),
  reset: () => show(null),
  back: () => player() && (player().currentTime -= 1),
  forward: () => player() && (player().currentTime += 1),
  previous: () => step(-1),
  next: () => step(1),
};
const keys = { " ": "play", j: "back", l: "forward", ArrowLeft: "previous", ArrowRight: "next" };

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-act]");
  if (button) acts[button.dataset.act]?.(button);
});
document.addEventListener("keydown", (event) => {
  const inField = event.target.closest?.("input, textarea, select, button, summary, audio, [role=tab], [contenteditable]");
  if (inField || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key] || !player()) return;
  event.preventDefault();
  acts[keys[event.key]]();
});

// The address follows the open tab, so that it can be sent to a colleague or kept.
document.addEventListener("click", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab || tab.closest(".tabs")?.id !== "tabs") return;
  const address = new URL(location.href);
  address.searchParams.set("tab", tab.textContent.trim().toLowerCase());
  history.replaceState(history.state, "", address);
});

// Python names the clip and the window whose evidence is on show; a new clip forgets the old zoom.
let clip = null;
watch("value", () => {
  const said = props.value ?? {};
  if (said.clip !== clip) {
    clip = said.clip;
    state.view = state.window = state.stopAt = null;
  }
  if (said.window) state.window = said.window;
});

new MutationObserver(() => requestAnimationFrame(wire)).observe(document.body, { childList: true, subtree: true });
wire();
tick();
