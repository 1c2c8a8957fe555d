/** Table that compares the metrics of runs with each other, with the floor and with the baselines. */

import { number, swatch } from "./charts.js";
import { el, table } from "./parts.js";
import { t } from "./words.js";

/** Return the table for feeds of runs; a paragraph if none of them has metrics yet. */
export function metricTable(feeds) {
  const metrics = new Map(); // name: {meaning, headline, values by run, floors, baselines}
  for (const { id, details } of feeds) {
    for (const { name, meaning, headline, value, real, baselines } of details.metrics) {
      const entry = metrics.get(name) ?? { meaning, headline, values: {}, floors: new Set(), baselines: {} };
      entry.values[id] = value;
      if (real !== null) entry.floors.add(number(real));
      Object.assign(entry.baselines, baselines);
      metrics.set(name, entry);
    }
  }
  if (metrics.size === 0) return el("p", { class: "muted" }, t("watch.no_metrics"));
  const baselines = [...new Set([...metrics.values()].flatMap((entry) => Object.keys(entry.baselines)))];
  const headings = [
    t("watch.metric"),
    ...feeds.map(({ label }, slot) => ({ text: [feeds.length > 1 && swatch(slot), " ", label], number: true })),
    ...[t("watch.floor"), ...baselines].map((text) => ({ text, number: true })),
  ];
  const rows = [...metrics].map(([name, entry]) => [
    [el(entry.headline ? "strong" : "span", { class: "metric-name" }, name), el("span", { class: "meaning" }, entry.meaning)],
    ...feeds.map(({ id }) => number(entry.values[id])),
    [...entry.floors].join(" / ") || number(null),
    ...baselines.map((baseline) => number(entry.baselines[baseline])),
  ]);
  return el("div", {}, table(t("watch.metrics"), headings, rows), el("p", { class: "hint" }, t("watch.floor_note")));
}
