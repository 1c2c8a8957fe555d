/** The screen that verifies a file: the verdict in words, its reason, and the evidence. */

import { button, definitions, el, errorNote, hash, icon, progress } from "./parts.js";
import { describeCondition, formatTime, hasWord, t } from "./words.js";

const MAX_SIZE = 20 * 2 ** 20; // bytes, the limit of uploads

const STATEMENT_SUFFIX = ".intoto.json";

/** Look of each verdict by its code: kind of color, icon. */
const LOOKS = {
  trusted: ["good", "check"],
  tampered: ["bad", "broken"],
  unknown_signer: ["warn", "question"],
  in_ledger: ["good", "check"],
  registered: ["good", "chain"],
  regenerates: ["good", "again"],
  unknown: ["plain", "question"],
};

async function render(root, context) {
  const outcome = el("div", { class: "outcome" });
  const regenerate = el("input", { type: "checkbox", id: "regenerate" });
  const input = el("input", { type: "file", id: "verify-file", multiple: true, class: "visually-hidden", onchange: () => verify([...input.files]) });
  const zone = el("div", { class: "drop" }, input,
    el("label", { for: "verify-file", class: "drop-label" },
      el("span", { class: "drop-mark", "aria-hidden": "true" }, icon("verify")),
      el("span", { class: "drop-title" }, t("verify.drop")),
      el("span", { class: "drop-hint" }, t("verify.drop_hint"))));
  let running;

  /** Verify a file, of which the signature file may be given together with it. */
  async function verify(files) {
    const isStatement = ({ name }) => name.endsWith(STATEMENT_SUFFIX);
    const file = files.find((one) => !isStatement(one)) ?? files[0];
    const statement = files.find((one) => one !== file && isStatement(one));
    if (!file) return;
    running?.controller.abort();
    if (file.size > MAX_SIZE) {
      outcome.replaceChildren(errorNote({ code: "too_large" }));
      return;
    }
    const mine = progress(t("verify.working", { name: file.name }));
    const { signal } = mine.controller;
    running = mine;
    outcome.replaceChildren(mine.node);
    try {
      const { upload } = await context.api.upload(file, { signal });
      const beside = statement && (await context.api.upload(statement, { signal })).upload;
      const found = await context.api.runJob(
        { kind: "verify", upload, name: file.name, statement: beside ?? null, regenerate: regenerate.checked },
        { progress: mine.update, signal });
      if (running === mine) show(found, files, file);
    } catch (error) {
      if (error.name !== "AbortError") outcome.replaceChildren(errorNote(error));
    } finally {
      mine.remove();
      input.value = "";
    }
  }

  let shownImage;
  function show(found, files, file) {
    URL.revokeObjectURL(shownImage);
    shownImage = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
    const heading = el("h2", { tabindex: "-1" });
    const again = () => {
      regenerate.checked = true;
      verify(files);
    };
    outcome.replaceChildren(verdict(found, file, { heading, image: shownImage, again }));
    heading.focus({ preventScroll: true });
    outcome.scrollIntoView({ block: "start" });
  }

  const drag = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
  };
  const drop = (event) => {
    drag(event);
    verify([...event.dataTransfer.files]);
  };
  const paste = (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    verify(files);
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

/** Return the file of an item of the gallery, with its statement, as somebody who downloads them has them. */
async function fetchItem(api, id) {
  const { item } = await api.get(`/api/gallery/${encodeURIComponent(id)}`);
  return Promise.all([[item.file, item.name], [item.statement, `${item.name}${STATEMENT_SUFFIX}`]]
    .filter(([url]) => url).map(async ([url, name]) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(t("media.missing"));
      const content = await response.blob();
      return new File([content], name, { type: content.type });
    }));
}

/** Return the verdict on a file in words; `again()` verifies it once more and generates the sample again. */
function verdict(found, file, { heading, image, again }) {
  const [kind, mark] = LOOKS[found.code];
  heading.textContent = t(`verdict.${found.code}.title`);
  const { record, ledger, work, manifest, candidate, regenerated, notes, item } = found;
  return el("article", { class: `verdict ${kind}` },
    el("div", { class: "verdict-head" },
      el("span", { class: "verdict-mark", "aria-hidden": "true" }, icon(mark)),
      el("div", {}, el("p", { class: "verdict-file" }, file.name), heading, el("p", {}, t(`verdict.${found.code}.text`))),
      image && el("div", { class: "print verdict-image" }, el("img", {
        src: image, alt: t("verify.image", { name: file.name }), class: "sample-image",
        onload: ({ target }) => target.classList.toggle("pixels", target.naturalWidth <= 160),
      }))),
    el("div", { class: "verdict-body" },
      section("verify.reason", el("p", { lang: "en" }, found.reason),
        notes?.map((note) => el("p", { class: "note warn", lang: "en" }, note)),
        item && el("p", {}, el("a", { href: `#/gallery/${item}` }, t("verify.in_gallery")))),
      regenerated && section("verify.regenerated", el("div", { class: `note ${regenerated.same ? "good" : "warn"}` },
        icon(regenerated.same ? "check" : "question"), el("div", {},
          el("p", {}, t(regenerated.same ? "verify.same" : "verify.not_same")),
          !regenerated.same && el("p", { lang: "en" }, regenerated.message)))),
      record && section("verify.record", recordFacts(record, candidate),
        candidate && !regenerated && el("div", {}, button({ label: t("verify.regenerate_now"), icon: "again", onclick: again }))),
      ledger && section("verify.ledger", definitions([
        [t("verify.signer"), ledger.signer], [t("verify.line"), ledger.line],
        [t("verify.since"), ledger.time && formatTime(ledger.time)],
      ])),
      work && section("verify.work", workFacts(work)),
      manifest?.length > 0 && section("verify.manifest", definitions(manifest.map(credential)))));
}

/** Return term and description of a row of a manifest. */
function credential({ code, label, value, value_code: kind }) {
  const term = hasWord(`manifest.${code}`) ? t(`manifest.${code}`) : label;
  const known = `source.${kind || code}`;
  return [term, hasWord(known) ? t(known) : el("span", { lang: "en" }, value)];
}

const section = (key, ...content) => el("section", { class: "stack" }, el("h3", {}, t(key)), content);

function recordFacts({ checkpoint, seed, index, n, condition, truncation }, candidate) {
  return definitions([
    [t("gallery.run"), candidate && el("a", { href: `#/create/${encodeURIComponent(candidate.run)}` }, candidate.run_name)],
    [t("create.seed"), seed],
    index === null ? [t("create.rows"), n] : [t("recipe.place"), t("recipe.index", { index: index + 1, n })],
    [t("recipe.condition"), condition && describeCondition(condition)],
    [t("recipe.truncation"), truncation === 1 ? null : truncation],
    [t("recipe.checkpoint"), hash(checkpoint)],
  ]);
}

const workFacts = ({ number, creator, since, holder }) => definitions([
  [t("verify.number"), el("a", { href: `#/market/work/${number}` }, t("gallery.work", { n: number }))],
  [t("verify.creator"), creator && hash(creator)], [t("verify.since"), since && formatTime(since)],
  [t("verify.holder"), holder && hash(holder)],
]);

export default { name: "verify", render };
