/** The gallery: kept samples with their provenance in words, downloads with credentials, and the way to the market. */

import { benchOf } from "./bench.js";
import { showSample } from "./media.js";
import { button, confirm, copyButton, definitions, el, emptyState, hash, icon } from "./parts.js";
import { describeCondition, formatDay, formatTime, t } from "./words.js";

const SEARCH_FROM = 9; // items, from which a search is offered

async function render(root, context) {
  root.append(el("p", { class: "muted", role: "status" }, t("common.loading")));
  const { items } = await context.api.get("/api/gallery");
  const [, id] = context.route;
  const item = items.find((one) => one.id === id);
  if (id && !item) {
    root.replaceChildren(emptyState({
      icon: "gallery", title: t("gallery.gone_title"), text: t("gallery.gone_text"),
      actions: [el("a", { class: "button", href: "#/gallery" }, t("gallery.all"))],
    }));
  } else if (item) showItem(root, context, item);
  else showAll(root, items);
}

function showAll(root, items) {
  if (!items.length) {
    root.replaceChildren(el("h1", {}, t("nav.gallery")), emptyState({
      icon: "gallery", title: t("gallery.empty_title"), text: t("gallery.empty_text"),
      actions: [el("a", { class: "button primary", href: "#/create" }, icon("create"), el("span", {}, t("gallery.empty_action")))],
    }));
    return;
  }
  const list = el("ul", { class: "wall" });
  const none = el("p", { class: "muted", role: "status" });
  const show = (text) => {
    const found = items.filter((item) => `${item.title} ${item.run_name}`.toLowerCase().includes(text.toLowerCase()));
    list.replaceChildren(...found.map(frame));
    none.textContent = found.length ? "" : t("gallery.none_found", { text });
  };
  show("");
  const search = el("input", { type: "search", placeholder: t("gallery.search"), "aria-label": t("gallery.search") });
  search.addEventListener("input", () => show(search.value.trim()));
  root.replaceChildren(
    el("header", { class: "row spread" },
      el("div", { class: "screen-head" }, el("h1", {}, t("nav.gallery")), el("p", { class: "lead" }, t("gallery.count", { n: items.length }))),
      items.length >= SEARCH_FROM && el("div", { class: "search" }, search)),
    none, list);
}

const titleOf = (item) => item.title || t("gallery.untitled");

const frame = (item) => el("li", {}, el("a", { class: "frame", href: `#/gallery/${item.id}` },
  el("div", { class: "print" }, item.missing
    ? el("div", { class: "frame-missing" }, icon("broken"), el("span", {}, t("gallery.missing")))
    : showSample(item, "")),
  el("div", { class: "caption" },
    el("h2", {}, titleOf(item)),
    el("p", { class: "hint" }, [item.run_name, formatDay(item.kept)].join(" · ")),
    item.work !== null && el("span", { class: "badge good" }, icon("chain"), t("gallery.work", { n: item.work })))));

function showItem(root, context, item) {
  const { words } = item;
  const remove = button({
    label: t("gallery.delete"), icon: "trash", kind: "quiet", disabled: item.work !== null,
    title: item.work !== null ? t("gallery.delete_registered") : null,
    onclick: async () => {
      const agreed = await confirm({
        title: t("gallery.delete_title", { title: titleOf(item) }), text: t("gallery.delete_text"), action: t("gallery.delete"), danger: true });
      if (!agreed) return;
      await context.api.remove(`/api/gallery/${item.id}`);
      context.toast(t("gallery.deleted", { title: titleOf(item) }));
      context.navigate("#/gallery");
    },
  });
  root.replaceChildren(
    el("a", { class: "button quiet small back", href: "#/gallery" }, icon("back"), el("span", {}, t("gallery.all"))),
    el("article", { class: "exhibit" },
      el("div", { class: "exhibit-wall" }, item.missing
        ? el("div", { class: "note bad" }, icon("broken"), el("div", { class: "stack" }, el("p", {}, t("gallery.missing_text")), item.problem && el("p", {}, item.problem)))
        : el("div", { class: "print" }, showSample(item, item.title, { controls: true }))),
      el("div", { class: "stack exhibit-side" },
        el("h1", {}, titleOf(item)),
        words.signer && el("div", { class: "row" },
          el("span", { class: "seal-mark", "aria-hidden": "true" }, icon("seal")), el("span", {}, t("gallery.signed_by", { name: words.signer })),
          item.work !== null && el("a", { class: "badge good", href: `#/market/work/${item.work}` }, icon("chain"), t("gallery.work", { n: item.work }))),
        words.seed && el("section", { class: "story", "aria-label": t("gallery.story") }, story(item).map((sentence) => el("p", {}, sentence))),
        !item.missing && actions(context, item),
        words.seed && el("details", { class: "facts" }, el("summary", {}, t("gallery.facts")), facts(item)),
        el("div", { class: "row" },
          words.seed && button({ label: t("gallery.alike"), icon: "create", kind: "quiet", onclick: () => createAlike(context, item) }),
          remove))));
}

/** Return how an item came to be, in sentences. */
function story({ words, kept, ledger, work, run_name: run }) {
  return [
    t(words.index === null ? "gallery.story_table" : "gallery.story_made",
      { model: run, seed: words.seed, index: (words.index ?? 0) + 1, n: words.n }),
    words.condition && t("gallery.story_condition", { condition: describeCondition(words.condition) }),
    words.truncation !== null && words.truncation !== 1 && t("gallery.story_truncation", { truncation: words.truncation }),
    words.edit && t("gallery.story_edit", { edit: describeCondition(words.edit) }),
    words.signer && t("gallery.story_signed", { signer: words.signer, time: formatTime(kept) }),
    ledger && t("gallery.story_ledger", { line: ledger.line }),
    work !== null ? t("gallery.story_work", { n: work }) : t("gallery.story_no_work"),
  ].filter(Boolean);
}

function actions(context, item) {
  const register = item.work === null && context.studio.chain;
  return el("div", { class: "row" },
    register && el("a", { class: "button primary", href: `#/market/register/${item.id}` }, icon("market"), el("span", {}, t("gallery.register"))),
    el("a", { class: register ? "button" : "button primary", href: item.file, download: item.name ?? "" }, icon("download"), el("span", {}, t("gallery.download"))),
    item.statement && el("a", { class: "button", href: item.statement, download: "" },
      icon("seal"), el("span", {}, t("gallery.statement"))),
    el("a", { class: "button", href: `#/verify/${item.id}` }, icon("verify"), el("span", {}, t("gallery.verify"))));
}

const facts = ({ words, artifact, run_name: run, media_type: type }) => definitions([
  [t("create.seed"), el("span", { class: "hash" }, el("code", {}, words.seed), copyButton(words.seed))],
  words.index === null ? [t("create.rows"), words.n] : [t("recipe.place"), t("recipe.index", { index: words.index + 1, n: words.n })],
  [t("recipe.condition"), words.condition && describeCondition(words.condition)],
  [t("recipe.truncation"), words.truncation],
  [t("recipe.checkpoint"), hash(words.checkpoint)],
  [t("gallery.artifact"), hash(artifact)],
  [t("gallery.run"), run],
  [t("gallery.type"), type],
]);

/** Open the create screen with the recipe of an item, to generate its sheet again. */
function createAlike(context, item) {
  const bench = benchOf(item.run);
  bench.restore(item.words);
  bench.result = null;
  context.navigate(`#/create/${encodeURIComponent(item.run)}`);
}

export default { name: "gallery", render };
