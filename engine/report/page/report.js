"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const colour = (run) => `var(--c${run % 8})`;
  const charts = [
    { title: "loss", large: true, curves: [
      { key: "loss", name: "loss", style: "faint", raw: true },
      { key: "loss_smooth", name: "smoothed" },
      { key: "eval_loss", name: "eval", style: "dashed", dots: true }] },
    { title: "learning rate", curves: [{ key: "learning_rate", name: "lr" }] },
    { title: "gradient norm", curves: [{ key: "grad_norm", name: "norm" }] },
    { title: "trained tokens/s", curves: [{ key: "tokens_per_second", name: "tokens/s" }] },
    { title: "memory (GiB)", curves: [{ key: "memory", name: "used" }, { key: "memory_peak", name: "peak", style: "dashed" }] },
    { title: "seconds a step", curves: [{ key: "step_seconds", name: "seconds" }] },
    { title: "token accuracy", curves: [{ key: "accuracy", name: "train" }, { key: "eval_accuracy", name: "eval", style: "dashed", dots: true }] },
  ];
  const state = { log: false, raw: true, events: true, hidden: new Set(), from: null, to: null };
  const margin = { left: 62, right: 12, top: 12, bottom: 24 };
  const space = "http://www.w3.org/2000/svg";
  const tip = document.getElementById("tip");

  const make = (name, attributes, parent) => {
    const e = document.createElementNS(space, name);
    for (const key in attributes) e.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(e);
    return e;
  };
  const html = (name, className, text, parent) => {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    if (parent) parent.appendChild(e);
    return e;
  };

  // The number of significant digits that tells neighbouring ticks apart.
  const figure = (v, digits = 5) => {
    if (v === 0) return "0";
    const size = Math.abs(v);
    if (size < 1e-3 || size >= 1e6) return v.toExponential(Math.min(digits - 1, 3)).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(v.toPrecision(digits)));
  };

  const ticks = (low, high, wanted) => {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) || power * 10;
    const out = [];
    for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) out.push(i * step);
    return out;
  };
  const logTicks = (low, high) => {
    const out = [];
    for (let e = Math.floor(low); e <= Math.ceil(high); e++) {
      for (const m of high - low > 3 ? [1] : [1, 2, 5]) {
        const v = e + Math.log10(m);
        if (v >= low && v <= high) out.push(v);
      }
    }
    return out.length > 1 ? out : ticks(10 ** low, 10 ** high, 4).filter((v) => v > 0).map(Math.log10);
  };

  const everything = () => {
    let low = Infinity, high = -Infinity;
    for (const run of data.runs) for (const key in run.curves) {
      const x = run.curves[key].x;
      if (x.length) { low = Math.min(low, x[0]); high = Math.max(high, x[x.length - 1]); }
    }
    return low <= high ? [low, high] : [0, 1];
  };

  // The index of the first step that is not below x.
  const seek = (steps, x) => {
    let low = 0, high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < x) low = middle + 1; else high = middle;
    }
    return low;
  };

  // What a chart shows now: the curves of the runs that are not hidden.
  const shown = (chart) => {
    const out = [];
    data.runs.forEach((run, number) => {
      if (state.hidden.has(number)) return;
      for (const curve of chart.curves) {
        if (curve.raw && !state.raw) continue;
        if (run.curves[curve.key]) out.push({ run, number, curve, points: run.curves[curve.key] });
      }
    });
    return out;
  };

  const scaleOf = (chart, lines, from, to) => {
    const usable = (v) => v !== null && (!state.log || v > 0);
    let low = Infinity, high = -Infinity;
    for (const { points } of lines) {
      const end = Math.min(points.x.length, seek(points.x, to) + 1);
      for (let i = Math.max(0, seek(points.x, from) - 1); i < end; i++) {
        if (!usable(points.y[i])) continue;
        low = Math.min(low, points.y[i]); high = Math.max(high, points.y[i]);
      }
    }
    if (low > high) return null;
    if (state.log) { low = Math.log10(low); high = Math.log10(high); }
    const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
    return { low: low >= 0 && low - pad < 0 && !state.log ? 0 : low - pad, high: high + pad, usable };
  };

  const path = (points, x, y, from, to, usable) => {
    let d = "", pen = false;
    const end = Math.min(points.x.length, seek(points.x, to) + 2);
    for (let i = Math.max(0, seek(points.x, from) - 1); i < end; i++) {
      if (!usable(points.y[i])) { pen = false; continue; }
      d += `${pen ? "L" : "M"}${x(points.x[i]).toFixed(1)} ${y(points.y[i]).toFixed(1)}`;
      pen = true;
    }
    return d;
  };

  const draw = (chart) => {
    const { svg } = chart;
    svg.replaceChildren();
    const width = svg.clientWidth || 600, height = chart.large ? 320 : 190;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = height + "px";
    const [whole, last] = everything();
    const from = state.from ?? whole, to = Math.max(state.to ?? last, from + 1);
    const right = width - margin.right, bottom = height - margin.bottom;
    const x = (step) => margin.left + (step - from) / (to - from) * (right - margin.left);
    const lines = shown(chart), scale = scaleOf(chart, lines, from, to);
    chart.view = null;
    if (!scale) {
      make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg).textContent = "nothing to draw here";
      return;
    }
    const y = (v) => bottom - ((state.log ? Math.log10(v) : v) - scale.low) / (scale.high - scale.low) * (bottom - margin.top);
    for (const t of state.log ? logTicks(scale.low, scale.high) : ticks(scale.low, scale.high, chart.large ? 7 : 4)) {
      const at = bottom - (t - scale.low) / (scale.high - scale.low) * (bottom - margin.top);
      make("line", { class: "grid", x1: margin.left, x2: right, y1: at, y2: at }, svg);
      make("text", { x: margin.left - 6, y: at + 4, "text-anchor": "end" }, svg).textContent = figure(state.log ? 10 ** t : t, 4);
    }
    for (const t of ticks(from, to, Math.max(2, Math.floor(width / 110)))) {
      if (t !== Math.round(t)) continue;
      make("line", { class: "grid", x1: x(t), x2: x(t), y1: margin.top, y2: bottom }, svg);
      make("text", { x: x(t), y: height - 7, "text-anchor": x(t) > right - 16 ? "end" : "middle" }, svg).textContent = t >= 1e6 ? t / 1e6 + "M" : t >= 1e4 ? t / 1e3 + "k" : String(t);
    }
    make("line", { class: "axis", x1: margin.left, x2: right, y1: bottom, y2: bottom }, svg);
    const clip = "clip" + chart.index;
    make("rect", { x: margin.left - 5, y: 0, width: right - margin.left + 10, height: bottom + 4 }, make("clipPath", { id: clip }, svg));
    const inside = make("g", { "clip-path": `url(#${clip})` }, svg);
    if (state.events) drawMarks(inside, x, bottom, from, to);
    for (const { number, curve, points } of lines) {
      const add = (style, p) => {
        make("path", { class: "curve " + style, d: path(p, x, y, from, to, scale.usable) }, inside).style.stroke = colour(number);
      };
      // Of a long run the span between lowest and highest stays faint behind the means.
      add(points.means ? "faint" : curve.style || "", points);
      if (points.means && !curve.raw) add(curve.style || "", points.means);
      if (curve.dots && points.x.length <= 400 || points.x.length < 3) {
        points.x.forEach((step, i) => {
          if (scale.usable(points.y[i])) make("circle", { cx: x(step), cy: y(points.y[i]), r: 3 }, inside).style.fill = colour(number);
        });
      }
    }
    const cross = make("line", { class: "cross", y1: margin.top, y2: bottom, visibility: "hidden" }, svg);
    const band = make("rect", { class: "zoom", y: margin.top, height: bottom - margin.top, visibility: "hidden" }, svg);
    chart.view = { x, from, to, width, lines, cross, band, step: (px) => from + (px - margin.left) / (right - margin.left) * (to - from) };
  };

  const drawMarks = (parent, x, bottom, from, to) => {
    data.runs.forEach((run, number) => {
      if (state.hidden.has(number)) return;
      for (const m of run.marks) {
        if (m.step < from || m.step > to) continue;
        const at = x(m.step).toFixed(1);
        make("line", { class: "mark " + m.kind, x1: at, x2: at, y1: margin.top, y2: bottom }, parent);
        make("path", { class: "flag " + m.kind, d: `M${at} ${margin.top}l-4 -7h8z` }, parent);
      }
    });
  };

  // The point of a curve nearest to a step; a curve of few steps answers with its last point before it.
  const nearest = (points, step) => {
    const i = seek(points.x, step);
    if (i >= points.x.length) return points.x.length - 1;
    return i > 0 && step - points.x[i - 1] < points.x[i] - step ? i - 1 : i;
  };

  const hover = (chart, event) => {
    const view = chart.view;
    if (!view) return;
    const box = chart.svg.getBoundingClientRect();
    const pointer = view.step((event.clientX - box.left) * view.width / box.width);
    const reach = (view.to - view.from) / view.width * 40;
    const found = view.lines.map((line) => ({ ...line, at: nearest(line.points, pointer) }))
      .filter((f) => f.at >= 0 && Math.abs(f.points.x[f.at] - pointer) <= Math.max(reach, f.points.w));
    if (!found.length) { leave(); return; }
    const step = found.map((f) => f.points.x[f.at]).reduce((a, b) => Math.abs(b - pointer) < Math.abs(a - pointer) ? b : a);
    for (const other of charts) if (other.view) {
      other.view.cross.setAttribute("x1", other.view.x(step));
      other.view.cross.setAttribute("x2", other.view.x(step));
      other.view.cross.setAttribute("visibility", "visible");
    }
    tip.replaceChildren();
    html("b", "", "step " + step, tip);
    for (const f of found) {
      const row = html("div", "", undefined, tip);
      html("span", "dot", undefined, row).style.background = colour(f.number);
      const at = f.points.x[f.at], v = f.points.y[f.at];
      html("span", "", (data.runs.length > 1 ? f.run.name + " " : "") + f.curve.name + (at === step ? "" : ` (step ${at})`), row);
      html("span", "v", v === null ? "not a finite number" : figure(v, 6), row);
      const mean = f.points.means && !f.curve.raw ? f.points.means.y[nearest(f.points.means, pointer)] : null;
      if (mean !== null) html("span", "v quiet", "mean " + figure(mean, 6), row);
    }
    if (state.events) data.runs.forEach((run, number) => {
      if (state.hidden.has(number)) return;
      for (const m of run.marks.filter((m) => Math.abs(view.x(m.step) - view.x(step)) < 5).slice(0, 6)) {
        html("div", "k-" + m.kind, `${m.kind} at ${m.step}: ${m.text}`, tip);
      }
    });
    tip.hidden = false;
    const left = event.clientX + 16 + tip.offsetWidth > innerWidth ? event.clientX - 16 - tip.offsetWidth : event.clientX + 16;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4)) + "px";
  };
  const leave = () => {
    tip.hidden = true;
    for (const c of charts) if (c.view) c.view.cross.setAttribute("visibility", "hidden");
  };

  const drawAll = () => {
    leave();
    for (const c of charts) if (c.svg) draw(c);
    document.getElementById("reset").hidden = state.from === null;
  };
  const zoom = (from, to) => { state.from = from; state.to = to; drawAll(); };

  const listen = (chart) => {
    let start = null;
    const inView = (event) => {
      const box = chart.svg.getBoundingClientRect();
      return (event.clientX - box.left) * chart.view.width / box.width;
    };
    chart.svg.addEventListener("pointerdown", (e) => { if (chart.view && e.button === 0) start = inView(e); });
    chart.svg.addEventListener("pointermove", (e) => {
      hover(chart, e);
      if (start === null || !chart.view) return;
      const now = inView(e), band = chart.view.band;
      band.setAttribute("x", Math.min(start, now));
      band.setAttribute("width", Math.abs(now - start));
      band.setAttribute("visibility", "visible");
    });
    addEventListener("pointerup", (e) => {
      if (start === null) return;
      const begin = start;
      start = null;
      if (!chart.view) return;
      chart.view.band.setAttribute("visibility", "hidden");
      const end = inView(e);
      if (Math.abs(end - begin) < 6) return;
      const [low, high] = everything();
      const from = Math.max(low, Math.round(chart.view.step(Math.min(begin, end))));
      const to = Math.min(high, Math.round(chart.view.step(Math.max(begin, end))));
      if (to > from) zoom(from, to);
    });
    chart.svg.addEventListener("pointerleave", leave);
    chart.svg.addEventListener("dblclick", () => zoom(null, null));
  };

  charts.forEach((chart, index) => {
    const keys = chart.curves.filter((c) => data.runs.some((run) => run.curves[c.key]));
    if (!keys.length) return;
    chart.index = index;
    const box = html("figure", chart.large ? "large" : "", undefined, document.getElementById("charts"));
    const caption = html("figcaption", "", undefined, box);
    html("span", "", chart.title, caption);
    const width = Math.max(...data.runs.flatMap((run) => keys.map((c) => run.curves[c.key]?.w || 1)));
    const note = keys.length > 1 ? keys.map((c) => c.name + (c.style === "dashed" ? " (dashed)" : c.style === "faint" ? " (faint)" : "")).join(", ") : "";
    const spans = width > 1 ? `lowest, mean and highest of every ${width} steps` : "";
    html("span", "quiet", [note, chart.large ? spans : ""].filter(Boolean).join(" · "), caption).title = spans;
    chart.svg = make("svg", { role: "img", "aria-label": chart.title }, box);
    listen(chart);
  });
  if (!charts.some((c) => c.svg)) html("p", "quiet", "No steps are recorded yet, so there is nothing to plot.", document.getElementById("charts"));

  data.runs.forEach((run, number) => {
    const button = html("button", "", undefined, document.getElementById("legend"));
    html("span", "dot", undefined, button).style.background = colour(number);
    html("span", "", run.name, button);
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      if (!state.hidden.delete(number)) state.hidden.add(number);
      button.setAttribute("aria-pressed", String(!state.hidden.has(number)));
      drawAll();
    });
  });
  for (const key of ["log", "raw", "events"]) {
    const input = document.getElementById(key);
    input.addEventListener("change", () => { state[key] = input.checked; drawAll(); });
  }
  document.getElementById("reset").addEventListener("click", () => zoom(null, null));
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  drawAll();
  new ResizeObserver(drawAll).observe(document.getElementById("charts"));
})();
