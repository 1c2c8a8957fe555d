/** The runs to choose from, as a strip of cards, and the heading of the chosen one. */

import { kindOf } from "./media.js";
import { el, icon } from "./parts.js";
import { formatNumber, t } from "./words.js";

const KIND_ICONS = { audio: "music", text: "card", table: "gallery", video: "play" };

/** Return the strip; the run of `chosen` is marked as the current one. */
export function runStrip(runs, chosen) {
  const list = el("ul", { class: "strip" }, runs.map((run) => el("li", {}, runCard(run, run.id === chosen))));
  requestAnimationFrame(() => list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  return el("nav", { class: "strip-scroll", "aria-label": t("create.runs") }, list);
}

const runCard = (run, isChosen) => el("a", { class: "strip-card", href: `#/create/${encodeURIComponent(run.id)}`, "aria-current": isChosen && "true" },
  run.sheet && kindOf(run.media_type) !== "table" ? el("img", { src: run.sheet, alt: "", class: "strip-thumb" })
    : el("span", { class: "strip-thumb strip-blank", "aria-hidden": "true" }, icon(KIND_ICONS[kindOf(run.media_type)] ?? "gallery")),
  el("span", { class: "strip-text" },
    el("strong", {}, run.name),
    el("span", { class: "hint" }, [run.folder !== run.name && run.folder, run.data].filter(Boolean).join(" · ")),
    run.status === "finished" ? run.headline && el("span", { class: "hint number" }, `${run.headline.name} ${formatNumber(run.headline.value, 3)}`)
      : el("span", { class: `badge ${run.status === "running" ? "live" : "warn"}` }, t(`run.${run.status}`))));

/** Return the heading of the chosen run; `action` stands beside it. */
export const runHead = (run, action) => el("header", { class: "bench-head" },
  el("div", {}, el("h2", { class: "bench-title" }, run.name),
    el("p", { class: "muted" }, [run.folder, run.data, run.generator ?? run.model, run.iterations && t("run.iterations", { n: formatNumber(run.iterations, 15) })].filter(Boolean).join(" · "))),
  el("div", { class: "row" },
    run.headline && el("span", { class: "badge number bench-score", title: baselineText(run) }, `${run.headline.name} ${formatNumber(run.headline.value, 3)}`),
    action));

const baselineText = ({ baseline }) => (baseline ? t("run.baseline", { name: baseline.name, value: formatNumber(baseline.value, 3) }) : null);
