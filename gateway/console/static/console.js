"use strict";
/* What pages cannot do by themselves: charts, polling only while somebody looks, a question before a
   change, filters that act at once. Everything else is HTML from the server. */
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // -- htmx: what renews itself rests while the page is not looked at or its pause is pressed.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (!element.hasAttribute("data-poll")) return;
    const pause = document.getElementById("pause");
    if (document.hidden || (pause && pause.checked)) event.preventDefault();
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.getAttribute("data-confirm");
    if (question && !confirm(question)) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (all) {
      for (const box of document.querySelectorAll(all.getAttribute("data-all"))) box.checked = all.checked;
    } else if (event.target.matches("form.filters select")) {
      event.target.form.requestSubmit();
    }
  });

  // A filter that is empty does not belong into the address.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("form.filters")) return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  // -- charts
  const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 3 });
  const shown = (unit) => (_, value) => (value == null ? "–" : grouped.format(value) + (unit ? " " + unit : ""));
  const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4"];

  function paths(kind, index, count) {
    if (kind !== "bars") return undefined;
    const align = count === 1 ? 0 : index === 0 ? -1 : 1;
    return uPlot.paths.bars({ size: [count === 1 ? 0.6 : 0.34, 48], align });
  }

  function options(figure, data) {
    const bars = figure.dataset.kind === "bars";
    const ink = css("--ink-3");
    const grid = { stroke: css("--line-soft"), width: 1 };
    const font = "11px " + css("--sans");
    const span = bars ? 86400 : 0;
    return {
      width: figure.clientWidth - 20,
      height: 190,
      tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), "UTC"),
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: (_, low, high) => [low - span / 2, high + span / 2] },
        y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] },
      },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: grid, font, size: 30, space: 70,
          values: bars ? "{DD} {MMM}" : "{HH}:{mm}", incrs: bars ? [86400, 172800, 604800] : [300, 600, 900, 1800] },
        { stroke: ink, grid, ticks: { show: false }, font, size: 58, incrs: bars ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
          values: (_, ticks) => ticks.map((t) => grouped.format(t)) },
      ],
      series: [
        { label: "UTC", value: bars ? "{YYYY}-{MM}-{DD}" : "{HH}:{mm}" },
        ...data.series.map((one, index) => ({
          label: one.label,
          stroke: css(COLOURS[index % COLOURS.length]),
          fill: css(COLOURS[index % COLOURS.length]) + (bars ? "cc" : "22"),
          width: bars ? 0 : 1.5,
          points: { show: false },
          paths: paths(figure.dataset.kind, index, data.series.length),
          value: shown(one.unit),
        })),
      ],
    };
  }

  function draw(figure, data) {
    const state = figure._state;
    const wait = figure.querySelector(".wait");
    const values = [data.x, ...data.series.map((one) => one.values)];
    const empty = !data.series.some((one) => one.values.some((value) => value > 0));
    wait.textContent = empty ? figure.dataset.empty : "";
    wait.hidden = !empty;
    const names = data.series.map((one) => one.label).join();
    figure.setAttribute("aria-label", summary(figure, data));
    state.data = data;
    if (empty) {
      if (state.plot) state.plot.destroy();
      state.plot = null;
    } else if (state.plot && state.names === names && !state.stale) {
      state.plot.setData(values);
    } else {
      if (state.plot) state.plot.destroy();
      state.plot = new uPlot(options(figure, data), values, figure);
      state.names = names;
      state.stale = false;
    }
  }

  function summary(figure, data) {
    const parts = data.series.map((one) => {
      const sum = one.values.reduce((a, b) => a + b, 0);
      return one.label + ": " + shown(one.unit)(null, sum) + " in total";
    });
    return figure.dataset.name + ". " + parts.join("; ");
  }

  async function renew(figure) {
    if (document.hidden) return;
    try {
      const answer = await fetch(figure.dataset.chart, { headers: { Accept: "application/json" } });
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok) draw(figure, await answer.json());
    } catch {
      figure.querySelector(".wait").textContent = "The hub does not answer.";
      figure.querySelector(".wait").hidden = false;
    }
  }

  function begin(figure) {
    figure._state = { plot: null, names: "", stale: false, data: null };
    renew(figure);
    setInterval(() => renew(figure), Number(figure.dataset.every || 15) * 1000);
    new ResizeObserver(() => {
      const { plot } = figure._state;
      if (plot) plot.setSize({ width: figure.clientWidth - 20, height: 190 });
    }).observe(figure);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const figures = [...document.querySelectorAll("[data-chart]")];
    figures.forEach(begin);
    dark.addEventListener("change", () => {
      for (const figure of figures) {
        figure._state.stale = true;
        if (figure._state.data) draw(figure, figure._state.data);
      }
    });
    document.addEventListener("visibilitychange", () => figures.forEach(renew));
  });
})();
