/** The screen that verifies a file: where it comes from, in words, with the reason and all that backs it. */

import { describeCondition } from "./gallery.js";
import { definitions, el, errorNote, hash, icon, progress } from "./parts.js";
import { formatTime, t } from "./words.js";

const MAX_SIZE = 20 * 2 ** 20; // bytes, the limit of uploads

/** Look of each verdict: key of its words, kind of color, icon. */
const VERDICTS = {
  trusted: ["trusted", "good", "check"],
  tampered: ["tampered", "bad", "broken"],
  "valid but unknown signer": ["unknown_signer", "warn", "question"],
  "stripped, but in the ledger": ["in_ledger", "good", "check"],
  "registered on chain": ["registered", "good", "chain"],
  "regenerates from checkpoint + seed": ["regenerates", "good", "again"],
  unknown: ["unknown", "plain", "question"],
};

async function render(root, context) {
  const outcome = el("div", { class: "outcome" });
  const regenerate = el("input", { type: "checkbox", id: "regenerate" });
  const input = el("input", { type: "file", id: "verify-file", class: "visually-hidden", onchange: () => input.files[0] && verify(input.files[0]) });
  const zone = el("div", { class: "drop" }, input,
    el("label", { for: "verify-file", class: "drop-label" },
      el("span", { class: "drop-mark", "aria-hidden": "true" }, icon("verify")),
      el("span", { class: "drop-title" }, t("verify.drop")),
      el("span", { class: "drop-hint" }, t("verify.drop_hint"))));
  let running;

  async function verify(file) {
    running?.controller.abort();
    if (file.size > MAX_SIZE) {
      outcome.replaceChildren(errorNote({ code: "too_large", values: { bytes: MAX_SIZE } }));
      return;
    }
    const mine = progress(t("verify.working", { name: file.name }));
    running = mine;
    outcome.replaceChildren(mine.node);
    try {
      const { upload } = await context.api.upload(file, { signal: mine.controller.signal });
      const found = await context.api.runJob({ kind: "verify", upload, name: file.name, ...(regenerate.checked && { regenerate: true }) },
        { progress: mine.update, signal: mine.controller.signal });
      if (running === mine) show(found, file);
    } catch (error) {
      if (error.name !== "AbortError") outcome.replaceChildren(errorNote(error));
    } finally {
      mine.remove();
      input.value = "";
    }
  }

  let shownImage;
  function show(found, file) {
    URL.revokeObjectURL(shownImage);
    shownImage = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
    const heading = el("h2", { tabindex: "-1" });
    outcome.replaceChildren(verdict(found, file, heading, shownImage));
    heading.focus({ preventScroll: true });
    outcome.scrollIntoView({ block: "nearest" });
  }

  const drag = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
  };
  const drop = (event) => {
    drag(event);
    const [file] = event.dataTransfer.files;
    if (file) verify(file);
  };
  const paste = (event) => {
    const [file] = event.clipboardData.files;
    if (!file) return;
    event.preventDefault();
    verify(file);
  };
  addEventListener("dragover", drag);
  addEventListener("dragleave", drag);
  addEventListener("drop", drop);
  addEventListener("paste", paste);
  root.append(
    el("header", { class: "screen-head" }, el("h1", {}, t("nav.verify")), el("p", { class: "lead" }, t("verify.lead"))),
    zone, el("div", { class: "row check" }, regenerate, el("label", { for: "regenerate" }, t("verify.regenerate")),
      el("p", { class: "hint" }, t("verify.regenerate_hint"))),
    outcome);
  if (context.route[1]) fetchItem(context.api, context.route[1]).then(verify, (error) => outcome.replaceChildren(errorNote(error)));
  return () => {
    removeEventListener("dragover", drag);
    removeEventListener("dragleave", drag);
    removeEventListener("drop", drop);
    removeEventListener("paste", paste);
    running?.controller.abort();
    URL.revokeObjectURL(shownImage);
  };
}

/** Return the file of an item of the gallery, as somebody who downloads it has it. */
async function fetchItem(api, id) {
  const { item } = await api.get(`/api/gallery/${encodeURIComponent(id)}`);
  const response = await fetch(item.file);
  if (!response.ok) throw new Error(t("media.missing"));
  return new File([await response.blob()], item.name, { type: item.media_type });
}

function verdict(found, file, heading, image) {
  const [key, kind, mark] = VERDICTS[found.verdict] ?? ["unknown", "plain", "question"];
  heading.textContent = t(`verdict.${key}`);
  return el("article", { class: `verdict ${kind}` },
    el("div", { class: "verdict-head" },
      el("span", { class: "verdict-mark", "aria-hidden": "true" }, icon(mark)),
      el("div", {}, el("p", { class: "verdict-file" }, file.name), heading, el("p", {}, t(`verdict.${key}_text`))),
      image && el("div", { class: "print verdict-image" }, el("img", {
        src: image, alt: t("verify.image", { name: file.name }), class: "sample-image",
        onload: ({ target }) => target.classList.toggle("pixels", target.naturalWidth <= 160),
      }))),
    el("div", { class: "verdict-body" },
      section("verify.reason", el("p", {}, found.reason)),
      found.record && section("verify.record", recordFacts(found.record)),
      found.ledger && section("verify.ledger", definitions([
        [t("verify.signer"), found.ledger.signer], [t("verify.line"), found.ledger.line],
        [t("verify.since"), found.ledger.time && formatTime(found.ledger.time)],
      ])),
      found.work && section("verify.work", workFacts(found.work)),
      found.manifest?.length > 0 && section("verify.manifest", definitions(found.manifest.map(({ label, value }) =>
        [label, String(value)])))));
}

const section = (key, content) => el("section", { class: "stack" }, el("h3", {}, t(key)), content);

function recordFacts(record) {
  const { checkpoint, seed, index, n, condition, truncation } = record;
  return definitions([
    [t("create.seed"), seed], [t("recipe.place"), index ?? null],
    [t("recipe.condition"), condition && describeCondition(condition)], [t("verify.drawn"), n], [t("recipe.truncation"), truncation],
    [t("recipe.checkpoint"), checkpoint && hash(checkpoint)],
  ]);
}

const workFacts = ({ number, creator, since, holder }) => definitions([
  [t("verify.number"), el("a", { href: `#/market/work/${number}` }, t("gallery.work", { n: number }))],
  [t("verify.creator"), creator && hash(creator)], [t("verify.since"), since && formatTime(since)],
  [t("verify.holder"), holder && hash(holder)],
]);

export default { name: "verify", render };
