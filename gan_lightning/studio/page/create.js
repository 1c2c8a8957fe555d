/** The screen that creates: choose a run, generate samples with it, keep the good ones. */

import { benchOf } from "./bench.js";
import { controls } from "./controls.js";
import { favouritesOf, toggleFavourite } from "./favourites.js";
import { markdown } from "./markdown.js";
import { button, command, copyButton, dialog, el, emptyState, errorNote, icon, progress } from "./parts.js";
import { runHead, runStrip } from "./run_strip.js";
import { emptySheet, sheet, view } from "./sheet.js";
import { walkSection } from "./walk.js";
import { describeCondition, formatAgo, t } from "./words.js";

const LAST_RUN = "gan-studio.run";

async function render(root, context) {
  root.append(el("p", { class: "muted", role: "status" }, t("common.loading")));
  const { runs } = await context.api.get("/api/runs");
  const ready = runs.filter((run) => run.checkpoint);
  const wanted = context.route[1] ?? localStorage.getItem(LAST_RUN);
  const run = runs.find(({ id }) => id === wanted) ?? ready[0];
  root.replaceChildren(el("h1", { class: "visually-hidden" }, t("nav.create")));
  if (!runs.length) {
    root.append(emptyState({
      icon: "create", title: t("create.empty_title"), text: t("create.empty_text"),
      actions: [el("div", { class: "empty-command" }, command("make demo"),
        el("p", { class: "hint" }, t("create.empty_hint", { folder: context.studio.folder })))],
    }));
    return undefined;
  }
  root.append(runStrip(runs, run?.id));
  if (!run?.checkpoint) {
    const learning = !run || run.status === "running";
    root.append(emptyState({
      icon: learning ? "clock" : "broken", title: t(learning ? "create.waiting_title" : "create.stopped_title"),
      text: t(learning ? "create.waiting_text" : "create.stopped_text"),
      actions: run ? [el("a", { class: "button", href: `#/watch/${encodeURIComponent(run.id)}` }, icon("watch"), el("span", {}, t("create.watch")))] : [],
    }));
    return undefined;
  }
  localStorage.setItem(LAST_RUN, run.id);
  return openBench(root, context, run);
}

async function openBench(root, context, run) {
  const bench = benchOf(run.id);
  bench.name = run.name;
  const place = el("div", { class: "bench" });
  root.append(runHead(run, button({ label: t("create.card"), icon: "card", onclick: () => showCard(context, run) })), place);
  if (!bench.description) {
    const loading = progress(t("create.loading_model"));
    place.append(loading.node);
    try {
      bench.description = await context.api.runJob({ kind: "describe", run: run.id }, { progress: loading.update, signal: loading.controller.signal });
    } catch (error) {
      if (error.name !== "AbortError") place.append(errorNote(error));
      place.append(button({ label: t("common.again"), icon: "again", onclick: () => context.navigate(`#/create/${run.id}`) }));
      return undefined;
    } finally {
      loading.remove();
    }
  }
  return new Workbench(place, context, bench).close;
}

async function showCard(context, run) {
  const { card } = await context.api.get(`/api/runs/${encodeURIComponent(run.id)}`);
  dialog({
    title: t("create.card_of", { name: run.name }), wide: true,
    body: el("div", { class: "markdown" }, card ? markdown(card.replace(/^# .*\n/m, "")) : el("p", {}, t("create.no_card"))),
  });
}

/** Controls, sheet, favourites and walk of one run. */
class Workbench {
  constructor(place, context, bench) {
    Object.assign(this, { context, bench });
    if (bench.description.condition?.kind === "file") bench.settings.condition = null; // the digest that a record has
    this.panel = el("aside", { class: "panel", "aria-label": t("create.controls") });
    this.status = el("div", { class: "sheet-status" });
    this.samples = el("div", { class: "sheet-place" });
    this.favourites = el("div", {});
    this.history = el("details", { class: "history" });
    this.actions = { changed: () => this.draw(), walk: (sample) => this.walk.add(sample) };
    const canWalk = bench.description.prior && bench.description.media_type.startsWith("image/");
    this.walk = canWalk ? walkSection(context, bench) : null;
    place.append(this.panel, el("section", { class: "stack bench-main", "aria-label": t("create.samples") },
      this.status, this.samples, this.favourites, this.walk?.node ?? null));
    this.drawPanel();
    this.close = () => {
      this.walk?.stop();
      this.running?.controller.abort();
    };
    if (bench.result) this.draw();
    else this.generate();
  }

  drawPanel() {
    this.panel.replaceChildren(controls(this.context, this.bench, {
      generate: () => {
        this.generate();
        if (matchMedia("(max-width: 60rem)").matches) this.status.scrollIntoView({ block: "start" }); // past the settings
      },
      adjust: () => this.adjust(), history: this.history,
    }));
  }

  drawHistory() {
    this.history.hidden = !this.bench.history.length;
    this.history.replaceChildren(el("summary", {}, t("create.history", { n: this.bench.history.length })),
      el("ul", {}, this.bench.history.map((entry) => el("li", {}, el("button", {
        type: "button", class: "history-entry", onclick: () => this.regenerate(entry),
      }, el("code", {}, entry.seed), el("span", { class: "hint" },
        [`×${entry.n}`, ...[entry.condition, entry.edit].filter(Boolean).map(describeCondition), formatAgo(entry.time)].join(" · ")))))));
  }

  /** Generate samples with an earlier recipe, and set the controls to it. */
  async regenerate(recipe) {
    this.bench.restore(recipe);
    this.drawPanel();
    return this.generate();
  }

  /** Generate the shown samples again with what was set meanwhile. */
  adjust() {
    if (this.running) this.outdated = true;
    else if (this.bench.result) this.generate(this.bench.result.recipe.seed);
  }

  async generate(seed) {
    if (this.running) return;
    const { bench, context } = this;
    const request = bench.request(seed);
    this.running = progress(t("create.generating"));
    this.status.append(this.running.node); // the line of the seed is hidden while it is shown
    this.samples.setAttribute("aria-busy", "true");
    if (!bench.result) this.samples.replaceChildren(emptySheet(request.n, Array.from({ length: request.n }, () => el("li", { class: "tile waiting" }))));
    try {
      const result = await context.api.runJob(request, { progress: this.running.update, signal: this.running.controller.signal });
      bench.accept(result, request);
      context.announce(t("create.ready", { n: result.samples.length }));
    } catch (error) {
      if (error.name !== "AbortError") this.failure = error;
    } finally {
      this.running.remove();
      this.running = undefined;
      this.samples.removeAttribute("aria-busy");
      this.draw();
    }
    if (this.outdated) {
      this.outdated = false;
      this.adjust();
    }
  }

  draw() {
    const { bench, context, failure } = this;
    const focused = document.activeElement?.closest?.("[data-sample]")?.dataset.sample;
    this.status.replaceChildren(...(failure ? [errorNote(failure)] : []), ...(bench.result ? [this.seedLine()] : []));
    this.failure = undefined;
    if (bench.result) this.samples.replaceChildren(sheet(context, bench, this.actions));
    else if (!this.running) this.samples.replaceChildren();
    this.drawFavourites();
    this.drawHistory();
    if (focused) this.samples.querySelector(`[data-sample="${focused}"] .tile-open`)?.focus();
  }

  seedLine() {
    const { seed } = this.bench.result.recipe;
    return el("div", { class: "row spread" }, el("div", { class: "seed-line" },
      el("span", { class: "muted" }, t("create.seed")), el("code", { class: "seed" }, seed), copyButton(seed, t("create.seed_copy")),
      this.bench.description.prior && button({
        label: t("create.seed_again"), icon: "again", kind: "quiet small",
        onclick: () => {
          this.bench.settings.seed = seed;
          this.drawPanel();
          this.panel.querySelector("[data-seed]").focus();
        },
      })), this.bench.result.samples[0].index !== null && el("p", { class: "hint" }, t("create.sheet_hint")));
  }

  drawFavourites() {
    const all = favouritesOf(this.bench.run);
    this.favourites.replaceChildren(...(all.length ? [el("section", { class: "stack", "aria-labelledby": "favourites-title" },
      el("h2", { id: "favourites-title" }, t("create.favourites")),
      el("ul", { class: "favourites" }, all.map((favourite) => this.favourite(favourite))))] : []));
  }

  favourite(favourite) {
    const label = t("create.favourite_of", { n: (favourite.index ?? 0) + 1, seed: favourite.recipe.seed });
    return el("li", { class: "favourite" },
      el("button", { type: "button", class: "tile-open", "aria-label": t("create.open", { sample: label }), title: label, onclick: () => this.openFavourite(favourite) },
        el("img", { src: favourite.thumbnail, alt: "", class: "sample-image pixels" })),
      el("div", { class: "favourite-actions" },
        this.walk && button({ label: t("walk.add"), icon: "walk", iconOnly: true, kind: "quiet small", onclick: () => this.walk.add(favourite) }),
        button({
          label: t("create.favourite_remove"), icon: "close", iconOnly: true, kind: "quiet small",
          onclick: async () => {
            await toggleFavourite(favourite);
            this.draw();
          },
        })));
  }

  async openFavourite(favourite) {
    const { recipe, index, asked } = favourite;
    const shown = this.bench.result?.recipe;
    if (!shown || JSON.stringify(shown) !== JSON.stringify(recipe)) await this.regenerate({ ...recipe, ...asked });
    const sample = this.bench.result?.samples.find((other) => other.index === index);
    if (sample) view(this.context, this.bench, sample, this.actions);
  }
}

export default { name: "create", render };
