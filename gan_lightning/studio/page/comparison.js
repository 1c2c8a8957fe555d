/** The chosen runs side by side: what they are, sheets, curves and metrics. */

import { chartBoard } from "./board.js";
import { swatch } from "./charts.js";
import { RunFeed } from "./live.js";
import { metricTable } from "./metric_table.js";
import { command, definitions, el, icon } from "./parts.js";
import { sheetViewer } from "./sheets.js";
import { statusBadge } from "./watch.js";
import { formatDuration, formatNumber, t } from "./words.js";

/** Return {element, load(), open(), pause(), close()} for runs {id, label}. */
export function compareRuns(runs, { api, announce }) {
  const element = el("div", { class: "comparison" });
  const feeds = runs.map(({ id, label }) => new RunFeed(id, label, api, (what) => redraw[what]()));
  const heads = feeds.map(() => el("div", { class: "run-text" }));
  const viewers = feeds.map(({ label }) => sheetViewer(label));
  const metrics = el("div");
  let board = null;
  const redraw = {
    details() {
      feeds.forEach((feed, slot) => heads[slot].replaceChildren(...runHead(feed, slot, feeds.length > 1)));
      metrics.replaceChildren(metricTable(feeds));
      board.update();
    },
    scalars: () => board.update(),
    sheets: () => feeds.forEach(({ details }, slot) => viewers[slot].update(details.sheets)),
    state() {
      redraw.details();
      announce(feeds.map(({ label, state }) => `${label}: ${t(`watch.state.${state}`)}`).join(", "));
    },
  };
  return {
    element,
    async load() {
      const [tensorboard] = await Promise.all([api.get("/api/tensorboard"), ...feeds.map((feed) => feed.load())]);
      board = chartBoard(feeds);
      const single = feeds.length === 1 ? " single" : "";
      const columns = feeds.map((_, slot) =>
        el("article", { class: `card run-column${single}` }, viewers[slot].element, heads[slot]));
      const logScale = el("input", { type: "checkbox", onchange: () => board.log(logScale.checked) });
      element.append(
        el("div", { class: "run-columns" }, columns),
        el("section", { class: "stack" },
          el("div", { class: "section-head" }, el("h2", {}, t("watch.curves")),
            el("label", { class: "option" }, logScale, t("watch.log_scale"))),
          feeds.length > 1 && legend(feeds), board.element),
        el("section", { class: "stack" }, el("h2", {}, t("watch.metrics_now")), metrics),
        el("section", { class: "stack" }, el("h2", {}, "TensorBoard"), el("p", { class: "muted" }, t("watch.tensorboard")),
          tensorboard.url
            ? el("a", { class: "button", href: tensorboard.url, target: "_blank", rel: "noopener" },
              icon("external"), t("watch.open_tensorboard"))
            : command(tensorboard.command)));
      redraw.details();
      redraw.sheets();
    },
    open: () => feeds.forEach((feed) => feed.open()),
    pause: () => feeds.forEach((feed) => feed.close()),
    close() {
      feeds.forEach((feed) => feed.close());
      board?.close();
    },
  };
}

const legend = (feeds) =>
  el("ul", { class: "legend" }, feeds.map(({ label }, slot) => el("li", {}, swatch(slot), label)));

function runHead({ details, state, id, label }, slot, several) {
  const trouble = details.alarm ?? details.error;
  const total = details.max_iterations;
  const done = formatNumber(details.iterations, 21);
  const running = details.status === "running";
  return [
    el("div", { class: "row" }, several && swatch(slot), el("h2", {}, label), statusBadge(details.status),
      running && el("span", { class: "badge" }, t(`watch.state.${state}`))),
    trouble && el("div", { class: "note bad", role: "alert" }, icon("warning"), el("p", {}, trouble)),
    running && total && el("progress", { max: total, value: details.iterations, "aria-label": t("watch.iterations") }),
    definitions([
      [t("watch.data"), details.data],
      [t("watch.model"), [details.model, details.generator].filter(Boolean).join(" · ")],
      [t("watch.iterations"), total ? t("watch.of", { done, total: formatNumber(total, 21) }) : done],
      [t("watch.duration"), formatDuration(details.seconds)],
      [t("watch.overrides"), details.overrides.length > 0
        ? details.overrides.map((text) => [el("code", { class: "override" }, text), " "]) : null],
    ]),
    details.checkpoint && el("a", { class: "button", href: `#/create/${encodeURIComponent(id)}` },
      icon("create"), t("watch.create")),
  ].filter(Boolean);
}
