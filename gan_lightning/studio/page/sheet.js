/** The sheet of samples, and the viewer of one sample: favourite, keep, walk, download. */

import { isFavourite, toggleFavourite } from "./favourites.js";
import { keepSample } from "./keep.js";
import { kindOf, showSample } from "./media.js";
import { button, copyButton, definitions, dialog, el, hash, icon, whileBusy } from "./parts.js";
import { describeCondition, t } from "./words.js";

export const numberOf = (sample) => (sample.index === null ? t("create.all_rows") : t("create.sample", { n: sample.index + 1 }));

/**
 * Return the sheet of samples. `actions` = {changed(): favourites or kept samples changed, walk(sample): an end of a walk}.
 */
export function sheet(context, bench, actions) {
  const { samples } = bench.result;
  if (samples.length === 1 && kindOf(samples[0].media_type) === "table") return singleFile(context, bench, samples[0], actions);
  const list = emptySheet(samples.length, samples.map((sample) => tile(context, bench, sample, actions)));
  list.dataset.kind = kindOf(samples[0].media_type);
  list.addEventListener("keydown", moveWithArrows);
  return list;
}

/** Return a list of tiles, as near to a square as their number allows. */
export function emptySheet(n, tiles) {
  const columns = Math.ceil(Math.sqrt(n));
  const list = el("ul", { class: "sheet", "data-columns": columns > 4 ? "many" : columns }, tiles);
  list.style.setProperty("--columns", columns);
  return list;
}

function tile(context, bench, sample, actions) {
  const kind = kindOf(sample.media_type);
  const open = el("button", {
    type: "button", class: "tile-open", onclick: () => view(context, bench, sample, actions),
    "aria-label": kind !== "text" && t("create.open", { sample: numberOf(sample) }), // a text names its button itself
  }, showSample(sample, ""));
  const sound = kind === "audio"
    && el("audio", { controls: true, preload: "none", src: sample.file, "aria-label": numberOf(sample) });
  const quick = [
    heart(sample, actions, { tabindex: "-1" }),
    !sample.recipe.edit && button({ label: t("keep.heading"), icon: "seal", iconOnly: true, kind: "quiet small", tabindex: "-1", onclick: () => keep(context, bench, sample, actions) }),
    bench.description.prior && kind === "image" && button({
      label: t("walk.add"), icon: "walk", iconOnly: true, kind: "quiet small", tabindex: "-1", onclick: () => actions.walk(sample) }),
    download(sample, { iconOnly: true }),
  ];
  return el("li", { class: "tile", "data-sample": sample.id }, open, sound || null,
    bench.kept.has(sample.id) && el("span", { class: "seal-mark tile-seal", title: t("create.kept") }, icon("seal"),
      el("span", { class: "visually-hidden" }, t("create.kept"))),
    el("div", { class: "tile-actions" }, quick));
}

function download(sample, { iconOnly = false } = {}) {
  const label = t("common.download");
  return el("a", {
    class: `button ${iconOnly ? "quiet small icon-only" : "plain"}`, href: sample.file, download: sample.name,
    ...(iconOnly ? { "aria-label": label, title: label, tabindex: "-1" } : {}),
  }, icon("download"), !iconOnly && el("span", {}, label));
}

function heart(sample, actions, attributes = {}) {
  const label = () => t(isFavourite(sample) ? "create.favourite_remove" : "create.favourite_add");
  const node = button({ label: label(), icon: "heart", iconOnly: true, kind: "quiet small", "data-heart": true, ...attributes });
  const paint = () => {
    node.setAttribute("aria-pressed", String(isFavourite(sample)));
    node.title = label();
  };
  node.setAttribute("aria-label", t("create.favourite"));
  paint();
  node.addEventListener("click", () => whileBusy(node, async () => {
    await toggleFavourite(sample);
    paint();
    actions.changed();
  }));
  return node;
}

async function keep(context, bench, sample, actions) {
  const item = await keepSample(context, sample, t("keep.suggestion", { run: bench.name, n: (sample.index ?? 0) + 1 }));
  if (!item) return undefined;
  bench.kept.set(sample.id, item.id);
  actions.changed();
  return item;
}

/** Move the focus among the tiles of a sheet by the arrow keys. */
function moveWithArrows(event) {
  const tiles = [...event.currentTarget.querySelectorAll(".tile-open")];
  const at = tiles.indexOf(document.activeElement);
  if (at < 0) return;
  const top = tiles[0].getBoundingClientRect().top;
  const columns = tiles.filter((one) => Math.abs(one.getBoundingClientRect().top - top) < 4).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (!step) return;
  event.preventDefault();
  tiles[Math.min(tiles.length - 1, Math.max(0, at + step))].focus();
}

/** Return the facts of a recipe as terms with descriptions. */
export const recipeFacts = (recipe, index) => definitions([
  [t("create.seed"), el("span", { class: "hash" }, el("code", {}, recipe.seed), copyButton(recipe.seed))],
  [t("recipe.place"), index === null ? null : t("recipe.index", { index: index + 1, n: recipe.n })],
  [t("recipe.condition"), recipe.condition && describeCondition(recipe.condition)],
  [t("recipe.truncation"), recipe.truncation === 1 ? null : recipe.truncation],
  [t("recipe.edit"), recipe.edit && describeCondition(recipe.edit)],
  [t("recipe.checkpoint"), hash(recipe.checkpoint)],
]);

/** Open the viewer. Arrow keys show the samples beside it. */
export function view(context, bench, first, actions) {
  const { samples } = bench.result;
  const body = el("div", { class: "viewer" });
  const opened = dialog({ title: bench.name, body, wide: true });
  let sample = first;
  const show = (next) => {
    sample = next;
    const at = samples.indexOf(sample);
    const turn = (label, name, step) => samples.length > 1 && button({
      label, icon: name, iconOnly: true, kind: "quiet", disabled: !samples[at + step], onclick: () => show(samples[at + step]) });
    const item = bench.kept.get(sample.id);
    body.replaceChildren(
      el("div", { class: "print viewer-print" }, showSample(sample, numberOf(sample), { controls: true })),
      el("div", { class: "stack viewer-side" },
        el("div", { class: "row spread" }, el("h3", {}, numberOf(sample)),
          el("div", { class: "row" }, turn(t("create.previous"), "back", -1), turn(t("create.next"), "next", 1))),
        recipeFacts(sample.recipe, sample.index),
        sample.recipe.edit ? el("div", { class: "note" }, icon("info"), el("p", {}, t("keep.edited"))) : item
          ? el("a", { class: "button primary", href: `#/gallery/${item}` }, icon("gallery"), el("span", {}, t("keep.show")))
          : button({
            label: t("keep.heading"), icon: "seal", kind: "primary",
            onclick: async () => { if (await keep(context, bench, sample, actions)) show(sample); },
          }),
        el("div", { class: "row" }, heart(sample, actions), download(sample),
          bench.description.prior && kindOf(sample.media_type) === "image" && button({
            label: t("walk.add"), icon: "walk",
            onclick: () => {
              opened.close();
              actions.walk(sample);
            },
          }))));
  };
  show(first);
  opened.node.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = samples[samples.indexOf(sample) + step];
    if (!step || !next || event.target.matches("input,audio,video")) return;
    event.preventDefault();
    show(next);
    context.announce(numberOf(next));
  });
  return opened.closed;
}

/** Return the view of samples that are all in one file, such as a table. */
const singleFile = (context, bench, sample, actions) => el("div", { class: "card" },
  showSample(sample, bench.name, { controls: true }),
  el("div", { class: "row" }, download(sample),
    bench.kept.has(sample.id)
      ? el("a", { class: "button primary", href: `#/gallery/${bench.kept.get(sample.id)}` }, t("keep.show"))
      : button({ label: t("keep.heading"), icon: "seal", kind: "primary", onclick: () => keep(context, bench, sample, actions) })));
