/** Line charts as SVG: a readout by pointer and keyboard, and the values as a table. */

import { el, svg, table } from "./parts.js";
import { linearTicks, logTicks, padded } from "./ticks.js";
import { formatNumber, t } from "./words.js";

const HEIGHT = 208;
const MARGIN = { top: 10, right: 14, bottom: 26, left: 50 };
const TABLE_ROWS = 20;

/** Return a number in the page's language, or a dash for a missing one. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : formatNumber(value, digits);
}

/** Return the short line that shows how the chart draws the run in `slot`. */
export function swatch(slot) {
  const line = svg("line", { x1: 1, y1: 5, x2: 27, y2: 5, class: `line run-${slot}` });
  return svg("svg", { width: 28, height: 10, class: "swatch", "aria-hidden": "true" }, line);
}

/**
 * Line chart of one quantity, with a line for each run and horizontal lines for levels.
 *
 * `draw({series, levels})` takes series `{name, slot, points}` with points `[iteration, value]` in order, and levels
 * `{name, kind, value}` with the kinds `floor` and `baseline`. `close()` stops following the size of the page.
 */
export class LineChart {
  #title;
  #content = { series: [], levels: [] };
  #log = false;
  #at = null; // index into #iterations of the readout
  #iterations = [];
  #scale = null;
  #plot = svg("svg", { class: "plot", role: "slider", tabindex: 0 });
  #readout = el("p", { class: "readout" });
  #table = el("div");
  #details;
  #observer = new ResizeObserver(() => this.#paint());

  constructor(title, meaning) {
    this.#title = title;
    this.#details = el("details", { class: "values" }, el("summary", {}, t("watch.as_table")), this.#table);
    this.#details.addEventListener("toggle", () => this.#fillTable());
    this.#plot.setAttribute("aria-label", meaning ? `${title}: ${meaning}` : title);
    this.element = el(
      "figure",
      { class: "chart" },
      el("figcaption", {}, el("strong", {}, title), meaning ? el("span", { class: "meaning" }, meaning) : null),
      this.#readout,
      this.#plot,
      this.#details,
    );
    this.#plot.addEventListener("pointermove", (event) => this.#readAt(event));
    this.#plot.addEventListener("pointerdown", (event) => this.#readAt(event));
    this.#plot.addEventListener("pointerleave", () => this.#read(null));
    this.#plot.addEventListener("keydown", (event) => this.#step(event));
    this.#plot.addEventListener("blur", () => this.#read(null));
    this.#observer.observe(this.element);
  }

  draw(content) {
    const end = this.#iterations.length - 1;
    this.#content = content;
    const all = content.series.flatMap(({ points }) => points.map(([iteration]) => iteration));
    const following = this.#at !== null && this.#at === end;
    this.#iterations = [...new Set(all)].sort((a, b) => a - b);
    if (this.#at !== null) this.#at = following ? this.#iterations.length - 1 : Math.min(this.#at, end);
    this.#paint();
    this.#fillTable();
  }

  set log(log) {
    this.#log = log;
    this.#paint();
  }

  close() {
    this.#observer.disconnect();
  }

  #visible(value) {
    return Number.isFinite(value) && (!this.#log || value > 0);
  }

  #paint() {
    const { width } = this.#plot.getBoundingClientRect();
    if (width === 0) return;
    const { series, levels } = this.#content;
    const values = series.flatMap(({ points }) => points.map(([, value]) => value).filter((v) => this.#visible(v)));
    const shown = levels.filter(({ value }) => this.#visible(value));
    this.#plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#scale = null;
    if (values.length === 0) {
      const text = series.length && this.#log ? t("watch.none_positive") : t("watch.no_values");
      const place = { x: width / 2, y: HEIGHT / 2, class: "axis-text middle" };
      this.#plot.replaceChildren(svg("text", place, text));
      this.#read(null);
      return;
    }
    const heights = [...values, ...shown.map(({ value }) => value)];
    const [low, high] = padded(Math.min(...heights), Math.max(...heights), this.#log);
    const first = this.#iterations[0];
    const last = Math.max(this.#iterations.at(-1), first + 1);
    const map = this.#log ? Math.log : (value) => value;
    const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
    const x = (iteration) => MARGIN.left + ((iteration - first) / (last - first)) * inner.width;
    const y = (value) => MARGIN.top + (1 - (map(value) - map(low)) / (map(high) - map(low))) * inner.height;
    this.#scale = { x, y, left: MARGIN.left, right: width - MARGIN.right, first, last };
    this.#plot.replaceChildren(
      this.#axes(this.#log ? logTicks(low, high) : linearTicks(low, high)),
      svg("g", {}, shown.map(({ kind, value }) => this.#level(kind, value))),
      svg("g", {}, series.map(({ slot, points }) => this.#line(slot, points))),
      svg("g", {}, shown.map(({ name, value }) => this.#levelName(name, value))),
      svg("g", { class: "cursor" }),
    );
    this.#read(this.#at);
  }

  #axes(heights) {
    const { x, y, left, right, first, last } = this.#scale;
    const group = svg("g", { class: "axes" });
    for (const value of heights) {
      group.append(svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid-line" }));
      group.append(svg("text", { x: left - 8, y: y(value) + 4, class: "axis-text end" }, number(value, 3)));
    }
    for (const value of linearTicks(first, last, Math.max(2, Math.floor((right - left) / 70)))) {
      if (!Number.isInteger(value)) continue;
      group.append(svg("text", { x: x(value), y: HEIGHT - 8, class: "axis-text middle" }, number(value, 21)));
    }
    return group;
  }

  #level(kind, value) {
    const { y, left, right } = this.#scale;
    return svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: `level ${kind}` });
  }

  #levelName(name, value) {
    const { y, right } = this.#scale;
    return svg("text", { x: right, y: y(value) - 4, class: "axis-text level-text end" }, name);
  }

  #line(slot, points) {
    const { x, y } = this.#scale;
    let path = "";
    let pen = "M";
    for (const [iteration, value] of points) {
      if (this.#visible(value)) path += `${pen}${x(iteration).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = this.#visible(value) ? "L" : "M";
    }
    if (points.length === 1 && path) {
      return svg("circle", { cx: x(points[0][0]), cy: y(points[0][1]), r: 4, class: `dot run-${slot}` });
    }
    return svg("path", { d: path, class: `line run-${slot}` });
  }

  #readAt(event) {
    if (!this.#scale) return;
    const { x } = this.#scale;
    const position = event.clientX - this.#plot.getBoundingClientRect().left;
    const distances = this.#iterations.map((iteration) => Math.abs(x(iteration) - position));
    this.#read(distances.indexOf(Math.min(...distances)));
  }

  #step(event) {
    const end = this.#iterations.length - 1;
    const at = this.#at ?? end + 1;
    const page = Math.max(1, Math.round(end / 10));
    const targets = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageUp: at + page, PageDown: at - page, Home: 0, End: end, Escape: null,
    };
    if (!(event.key in targets) || !this.#scale) return;
    event.preventDefault();
    const target = targets[event.key];
    this.#read(target === null ? null : Math.max(0, Math.min(end, target)));
  }

  /** Show the values at an iteration; those of the last one if `at` is null. */
  #read(at) {
    this.#at = at;
    const iteration = this.#iterations[at ?? this.#iterations.length - 1];
    const found = this.#content.series.map(({ name, slot, points }) => ({ name, slot, point: nearest(points, iteration) }));
    const values = found.filter(({ point }) => point).map(({ name, slot, point }) => ({ name, slot, value: point[1] }));
    const text = at === null ? t("watch.latest") : t("watch.iteration", { count: number(iteration, 21) });
    this.#readout.replaceChildren(
      el("span", { class: "muted" }, text),
      ...values.map(({ slot, value }) => el("span", {}, swatch(slot), number(value))),
    );
    const spoken = values.map(({ name, value }) => `${name} ${number(value)}`);
    this.#plot.setAttribute("aria-valuemin", this.#iterations[0] ?? 0);
    this.#plot.setAttribute("aria-valuemax", this.#iterations.at(-1) ?? 0);
    this.#plot.setAttribute("aria-valuenow", iteration ?? 0);
    this.#plot.setAttribute("aria-valuetext", [text, ...spoken].join(", ") || t("watch.no_values"));
    this.#mark(at === null ? null : iteration, found);
  }

  #mark(iteration, found) {
    const cursor = this.#plot.querySelector(".cursor");
    if (!cursor) return;
    cursor.replaceChildren();
    if (iteration === null) return;
    const { x, y } = this.#scale;
    const place = { x1: x(iteration), x2: x(iteration), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, class: "rule" };
    cursor.append(svg("line", place));
    for (const { slot, point } of found) {
      if (!point || !this.#visible(point[1])) continue;
      cursor.append(svg("circle", { cx: x(point[0]), cy: y(point[1]), r: 4, class: `dot run-${slot}` }));
    }
  }

  #fillTable() {
    if (!this.#details.open) return;
    const { series } = this.#content;
    const every = Math.max(1, Math.ceil(this.#iterations.length / TABLE_ROWS));
    const rows = this.#iterations.filter((_, index) => (this.#iterations.length - 1 - index) % every === 0);
    const headings = [t("watch.iteration_head"), ...series.map(({ name }) => name)].map((text) => ({ text, number: true }));
    const cells = (iteration) => series.map(({ points }) => number(nearest(points, iteration)?.[1]));
    const content = rows.map((iteration) => [number(iteration, 21), ...cells(iteration)]);
    this.#table.replaceChildren(table(t("watch.values_of", { name: this.#title }), headings, content));
  }
}

/** Return the last point at or before an iteration, or undefined. */
function nearest(points, iteration) {
  return points.findLast(([at]) => at <= iteration);
}
