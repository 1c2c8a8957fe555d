/** A walk from one sample to another: two ends are chosen, the frames between them are generated and played. */

import { loadFrames, player } from "./player.js";
import { button, el, errorNote, progress, slider } from "./parts.js";
import { t } from "./words.js";

/** Return {node, add(sample), stop()}: the section of walks. Its ends are kept in `bench.walk`. */
export function walkSection(context, bench) {
  const stage = el("div", { class: "walk-stage" });
  const ends = el("div", { class: "walk-ends" });
  const go = button({ label: t("walk.go"), icon: "walk", kind: "primary", onclick: start });
  let steps = 48;
  let shown;
  let running;

  function drawEnds() {
    ends.replaceChildren(...bench.walk.map((end, which) => el("div", { class: "walk-end" },
      el("div", { class: "print" }, end
        ? el("img", { src: end.thumbnail ?? end.preview, alt: "", class: "sample-image pixels" })
        : el("div", { class: "walk-empty", "aria-hidden": "true" }, which === 0 ? "A" : "B")),
      end ? button({
        label: t("walk.remove"), kind: "quiet small", "aria-label": t("walk.remove_end", { end: "AB"[which] }),
        onclick: () => {
          bench.walk[which] = null;
          drawEnds();
        },
      }) : el("span", { class: "muted" }, t(which === 0 ? "walk.from" : "walk.to")))));
    go.disabled = !bench.walk.every(Boolean);
  }

  async function start() {
    const [from, to] = bench.walk;
    const place = ({ recipe, index }) => ({ seed: recipe.seed, n: recipe.n, index });
    const { truncation, edit, weights } = from.recipe;
    const { condition, upload } = from.asked;
    stop();
    running = progress(t("walk.making"));
    stage.replaceChildren(running.node);
    try {
      const result = await context.api.runJob({
        kind: "walk", run: bench.run, from: place(from), to: place(to), steps, condition, upload, truncation, edit, weights,
      }, { progress: running.update, signal: running.controller.signal });
      const frames = await loadFrames(result.frames, (share) => running.update({ progress: share }));
      shown = player(frames, result.fps || 12, t("walk.label"));
      stage.replaceChildren(shown.node);
      context.announce(t("walk.ready", { n: frames.length }));
    } catch (error) {
      stage.replaceChildren(...(error.name === "AbortError" ? [] : [errorNote(error)]));
    } finally {
      running?.remove();
      running = undefined;
    }
  }

  function stop() {
    shown?.stop();
    running?.controller.abort();
  }

  drawEnds();
  const node = el("section", { class: "card walk", "aria-labelledby": "walk-title" },
    el("h2", { id: "walk-title" }, t("walk.title")), el("p", { class: "muted" }, t("walk.text")),
    el("div", { class: "walk-body" },
      el("div", { class: "walk-choice" }, ends, el("div", { class: "stack walk-settings" },
        slider({ label: t("walk.steps"), min: 12, max: 120, step: 12, value: steps, oninput: (value) => { steps = value; } }), go)),
      stage));
  return {
    node, stop,
    /** Put a sample, or a favourite, at the free end; at the second one if both are taken. */
    add(sample) {
      const which = bench.walk[0] ? 1 : 0;
      bench.walk[which] = sample;
      drawEnds();
      if (bench.walk.every(Boolean)) node.scrollIntoView({ block: "nearest" });
      const { top } = node.getBoundingClientRect();
      const told = t(which === 0 ? "walk.added_from" : "walk.added_to");
      if (top < innerHeight - 200) context.announce(told);
      else context.toast(told, { kind: "info" });
    },
  };
}
