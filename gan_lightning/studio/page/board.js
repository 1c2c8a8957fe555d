/** Charts of the chosen runs: metrics, losses, and further curves on request. */

import { LineChart } from "./charts.js";
import { el } from "./parts.js";
import { t } from "./words.js";

const MOST_METRICS = 6; // charts that are open from the beginning; the other metrics are among the further curves

/** Return `{element, update(), log(on), close()}` for feeds of runs. */
export function chartBoard(feeds) {
  const charts = new Map(); // by tag
  const groups = Object.fromEntries(["metrics", "losses", "more"].map((name) => [name, el("div", { class: "charts" })]));
  const sections = [
    el("div", { class: "board-group" }, el("h3", {}, t("watch.metrics")), groups.metrics),
    el("div", { class: "board-group" }, el("h3", {}, t("watch.losses")), groups.losses),
    el("details", {}, el("summary", {}, t("watch.more_curves")), groups.more),
  ];
  const element = el("div", { class: "board" }, sections);
  let logarithmic = false;

  /** Return what the runs know about the metric of a tag: [{label, meaning, real, baselines}]; null for other tags. */
  function metricOf(tag) {
    const name = tag.replace(/^(evaluation|quality)\//, "");
    if (name === tag) return null;
    return feeds.flatMap(({ label, details }) =>
      details.metrics.filter((metric) => metric.name === name).map((metric) => ({ ...metric, label })));
  }

  /** Tags in the order of the table of metrics, headlines first; then the losses; then the rest. */
  function tags() {
    const all = feeds.flatMap(({ scalars }) => Object.entries(scalars));
    const curves = [...new Set(all.filter(([, points]) => points.length > 1).map(([tag]) => tag))];
    const names = feeds.flatMap(({ details }) => details.metrics);
    const headlines = names.filter(({ headline }) => headline).map(({ name }) => name);
    const order = [...headlines, ...names.map(({ name }) => name)];
    const rank = (tag) => (order.indexOf(tag.split("/").at(-1)) + 1 || order.length + 1);
    return curves.sort((a, b) => rank(a) - rank(b));
  }

  function groupOf(tag) {
    if (tag.startsWith("loss/")) return groups.losses;
    return metricOf(tag) && groups.metrics.childElementCount < MOST_METRICS ? groups.metrics : groups.more;
  }

  /** Return the floors and baselines. Runs on other data have other floors: these name their run. */
  function levelsOf(metric) {
    const floors = new Map((metric ?? []).filter(({ real }) => real !== null).map(({ real, label }) => [real, label]));
    const baselines = new Map((metric ?? []).flatMap((entry) => Object.entries(entry.baselines)));
    const nameOf = (label) => (floors.size > 1 ? `${t("watch.floor")} (${label})` : t("watch.floor"));
    return [
      ...[...floors].map(([value, label]) => ({ name: nameOf(label), kind: "floor", value })),
      ...[...baselines].map(([name, value]) => ({ name, kind: "baseline", value })),
    ];
  }

  function update() {
    for (const tag of tags()) {
      const metric = metricOf(tag);
      if (!charts.has(tag)) {
        const chart = new LineChart(tag, metric?.[0]?.meaning ?? "");
        chart.log = logarithmic;
        charts.set(tag, chart);
        groupOf(tag).append(chart.element);
      }
      const series = feeds.map(({ label, scalars }, slot) => ({ name: label, slot, points: scalars[tag] ?? [] }));
      charts.get(tag).draw({ series: series.filter(({ points }) => points.length > 0), levels: levelsOf(metric) });
    }
    for (const section of sections) section.hidden = section.lastChild.childElementCount === 0;
  }

  return {
    element,
    update,
    log(on) {
      logarithmic = on;
      for (const chart of charts.values()) chart.log = on;
    },
    close() {
      for (const chart of charts.values()) chart.close();
    },
  };
}
