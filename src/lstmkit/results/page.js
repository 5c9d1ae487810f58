"use strict";
// Draws the figures of a page from the JSON beside them. Arrays are written once each, in base64; see packing.py.
const CONFIG = {displayModeBar: false, responsive: true};

function decode(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (c) => c.charCodeAt(0));
  const kinds = {f4: Float32Array, f8: Float64Array, i4: Int32Array};
  const numbers = Float64Array.from(new kinds[packed.kind](bytes.buffer));
  const origin = packed.origin || 0, unit = packed.unit || 1;
  for (let k = 0; k < numbers.length; k++) numbers[k] = origin + unit * numbers[k];
  return packed.date ? Array.from(numbers, (t) => new Date(t).toISOString().slice(0, -1)) : numbers;
}

function unpack(value, arrays) {
  if (Array.isArray(value)) return value.map((v) => unpack(v, arrays));
  if (value === null || typeof value !== "object") return value;
  if ("array" in value && typeof value.array === "number") return arrays[value.array];
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v, arrays)]));
}

function read(name) {
  const found = JSON.parse(document.getElementById("data-" + name).textContent);
  const arrays = found.arrays.map(decode);
  return unpack(found.figure, arrays);
}

// As many words below an axis as there is room for: on a narrow page they would be turned, and cover what is below.
function spaceTicks(layout, width) {
  const room = width - layout.margin.l - layout.margin.r;
  for (const [key, axis] of Object.entries(layout)) {
    if (!key.startsWith("xaxis")) continue;
    const [begin, end] = axis.domain || [0, 1];
    axis.nticks = Math.max(2, Math.min(axis.nticks || 12, Math.floor(room * (end - begin) / 65)));
  }
}

function draw(name) {
  const figure = read(name);
  figure.layout.template = TEMPLATE;
  spaceTicks(figure.layout, document.getElementById("plot-" + name).clientWidth);
  const steps = figure.steps;
  if (!steps) {
    Plotly.newPlot("plot-" + name, figure.data, figure.layout, CONFIG);
    return;
  }
  stepThrough(name, figure, steps);
}

// A figure of which one step is shown at a time: arrows, a slider, and a choice of groups where there are several.
function stepThrough(name, figure, steps) {
  const box = document.getElementById("steps-" + name);
  const [choice, back, slider, on, label] = ["select", ".back", "input", ".on", "output"].map((q) => box.querySelector(q));
  const groups = [...new Set(steps.map((s) => s.group))];
  let shown = [], at = 0;
  groups.forEach((g) => choice.add(new Option(g, g)));
  choice.hidden = groups.length < 2;

  function show(k) {
    at = Math.max(0, Math.min(shown.length - 1, k));
    const step = shown[at];
    slider.value = at;
    label.textContent = step.label;
    back.disabled = at === 0;
    on.disabled = at === shown.length - 1;
    const data = figure.data.map((trace, j) => ({...trace, ...step.traces[j]}));
    const layout = {...figure.layout, ...step.layout};
    for (const axis of ["xaxis", "yaxis"]) layout[axis] = {...figure.layout[axis], ...(step.layout[axis] || {})};
    Plotly.react("plot-" + name, data, layout, CONFIG);
  }

  function choose(group, k) {
    choice.value = group;
    shown = steps.filter((s) => s.group === group);
    slider.max = shown.length - 1;
    show(k < 0 ? shown.length - 1 : k);
  }

  choice.addEventListener("change", () => choose(choice.value, -1));
  slider.addEventListener("input", () => show(Number(slider.value)));
  back.addEventListener("click", () => show(at - 1));
  on.addEventListener("click", () => show(at + 1));
  document.addEventListener("click", (event) => {
    const button = event.target.closest(`[data-shows="${name}"]`);
    if (!button) return;
    const step = steps[Number(button.dataset.step)];
    choose(step.group, steps.filter((s) => s.group === step.group).indexOf(step));
    box.scrollIntoView({block: "center"});
  });
  choose(groups[0], -1);
}

function copy(button) {
  const code = button.parentElement.querySelector("code");
  getSelection().selectAllChildren(code);
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => { button.textContent = "copied"; });
}
