/** Controls of the samples: condition, how many, truncation, directions and seed, as the model has them. */

import { button, choice, el, errorNote, field, icon, slider } from "./parts.js";
import { dataWord, t } from "./words.js";

const NUMBERS = [1, 4, 9, 16, 36, 64];
const MOST_DIRECTIONS = 6; // shown at once; more are added one by one
const STRENGTH = 4; // standard deviations
const MAX_LABELS = 24; // shown as chips; more are a list

/**
 * Return the form. `generate()` is called when it is sent, `adjust()` when the shown samples should follow a change;
 * the element `history` is put below the settings.
 */
export function controls(context, bench, { generate, adjust, history }) {
  const { description, settings } = bench;
  const isTable = description.media_type === "text/csv";
  // On a phone the samples come first: the settings are folded.
  const more = el("details", { class: "controls-more", open: !matchMedia("(max-width: 60rem)").matches },
    el("summary", {}, t("create.controls")),
    isTable ? rowsControl(settings) : choice({
      label: t("create.how_many"), value: settings.n, options: NUMBERS.map((n) => [n, n]),
      onchange: (n) => { settings.n = Number(n); },
    }),
    description.condition && el("div", { "data-live": ["labels", "attributes"].includes(description.condition.kind) }, conditionControl(context, bench)),
    description.styles && el("div", { "data-live": true }, slider({
      label: t("create.truncation"), hint: t("create.truncation_hint"), min: 0, max: 1, step: 0.05, value: settings.truncation,
      format: (value) => value.toFixed(2), oninput: (value) => { settings.truncation = value; },
    })),
    description.styles?.directions.length > 0 && directionControls(description.styles.directions, settings),
    description.prior && seedControl(settings), history);
  const form = el("form", { class: "controls card", "aria-label": t("create.controls") },
    el("div", { class: "controls-top" },
      button({ label: t("create.generate"), icon: "create", type: "submit", class: "button primary wide-button" })), more);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    generate();
  });
  form.addEventListener("change", ({ target }) => {
    if (target.closest("[data-live]")) adjust();
  });
  return form;
}

function rowsControl(settings) {
  const input = el("input", { type: "number", min: 1, max: 64, value: settings.n, required: true });
  input.addEventListener("input", () => { settings.n = input.valueAsNumber || 1; });
  return field({ label: t("create.rows"), control: input });
}

function seedControl(settings) {
  const input = el("input", {
    type: "text", inputmode: "numeric", pattern: "0|[1-9][0-9]{0,18}", autocomplete: "off", spellcheck: "false",
    placeholder: t("create.seed_random"), value: settings.seed, class: "number", "data-seed": true,
  });
  const reset = button({ label: t("create.seed_new"), icon: "shuffle", iconOnly: true, onclick: () => set("") });
  const set = (seed) => {
    settings.seed = seed;
    input.value = seed;
    reset.disabled = !seed;
  };
  set(settings.seed);
  input.addEventListener("input", () => set(input.value.trim()));
  return field({ label: t("create.seed"), hint: t("create.seed_hint"), control: el("div", { class: "joined" }, input, reset) });
}

function conditionControl(context, bench) {
  const { condition } = bench.description;
  if (condition.kind === "labels") return labelControl(condition.values, bench.settings);
  if (condition.kind === "attributes") return attributeControl(condition.attributes, bench.settings);
  if (condition.kind === "file") return fileControl(context, bench);
  const input = el("textarea", { rows: 2, maxlength: 2000, placeholder: t("create.any") }, bench.settings.condition ?? "");
  input.addEventListener("input", () => { bench.settings.condition = input.value.trim() || null; });
  return field({ label: t("create.text"), control: input });
}

function labelControl(values, settings) {
  const options = [["", t("create.any")], ...values.map((value) => [value, dataWord(value)])];
  const set = (value) => { settings.condition = value || null; };
  if (values.length <= MAX_LABELS) {
    return choice({ label: t("create.label"), options, value: settings.condition ?? "", onchange: set });
  }
  const select = el("select", { onchange: () => set(select.value) }, options.map(([value, label]) =>
    el("option", { value, selected: value === (settings.condition ?? "") }, label)));
  return field({ label: t("create.label"), control: select });
}

function attributeControl(attributes, settings) {
  const chosen = new Map((settings.condition ?? "").split(",").filter(Boolean).map((part) => part.split("=")));
  const fields = Object.entries(attributes).map(([name, values]) => {
    const select = el("select", {}, el("option", { value: "" }, t("create.any")),
      values.map((value) => el("option", { value, selected: chosen.get(name) === value }, dataWord(value))));
    select.addEventListener("change", () => {
      if (select.value) chosen.set(name, select.value);
      else chosen.delete(name);
      settings.condition = [...chosen].map((pair) => pair.join("=")).join(",") || null;
    });
    return field({ label: dataWord(name), control: select });
  });
  return el("fieldset", { class: "attributes" }, el("legend", {}, t("create.attributes")), el("div", { class: "attribute-grid" }, fields));
}

function fileControl(context, bench) {
  const { condition } = bench.description;
  const preview = el("div", { class: "upload-preview" });
  const note = el("div", { "aria-live": "polite" });
  const input = el("input", { type: "file", accept: condition.media_type, class: "visually-hidden" });
  const show = (name, url) => preview.replaceChildren(
    ...(url ? [el("img", { src: url, alt: t("create.file_preview", { name }), class: "sample-image" })] : []),
    el("span", {}, name ?? t("create.file_none")),
    ...(name ? [button({
      label: t("create.file_remove"), icon: "close", kind: "quiet small", iconOnly: true,
      onclick: () => {
        Object.assign(bench, { uploadName: null, uploadUrl: null });
        bench.settings.upload = null;
        input.value = "";
        show(null);
        input.focus();
      },
    })] : []));
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    note.replaceChildren(el("p", { class: "hint" }, t("create.file_sending")));
    try {
      const { upload } = await context.api.upload(file);
      bench.settings.upload = upload;
      bench.uploadName = file.name;
      bench.uploadUrl = condition.media_type.startsWith("image/") ? URL.createObjectURL(file) : null;
      show(file.name, bench.uploadUrl);
      note.replaceChildren();
    } catch (error) {
      note.replaceChildren(errorNote(error));
    }
  });
  show(bench.settings.upload && bench.uploadName, bench.uploadUrl);
  const id = input.id = `condition-${bench.run}`;
  return el("div", { class: "field" }, el("span", { class: "field-name", id: `${id}-name` }, t("create.file")),
    el("div", { class: "upload" }, input, el("label", { for: id, class: "button" }, icon("upload"), el("span", {}, t("create.file_choose"))), preview),
    el("p", { class: "hint" }, t("create.file_hint", { type: condition.suffix })), note);
}

function directionControls(names, settings) {
  const list = el("div", { class: "stack" });
  const shown = new Set();
  const add = (name) => {
    shown.add(name);
    list.append(slider({
      label: dataWord(name), min: -STRENGTH, max: STRENGTH, step: 0.25, value: settings.edits[name] ?? 0,
      format: (value) => (value > 0 ? `+${value}` : String(value)), oninput: (value) => { settings.edits[name] = value; },
    }));
  };
  const used = names.filter((name) => settings.edits[name]);
  for (const name of names.length <= MOST_DIRECTIONS ? names : used) add(name);
  if (names.length <= MOST_DIRECTIONS) {
    return el("fieldset", { class: "directions", "data-live": true }, el("legend", {}, t("create.directions")),
      el("p", { class: "hint" }, t("create.directions_hint")), list);
  }
  const select = el("select", {});
  const fill = () => {
    const groups = Map.groupBy(names.filter((name) => !shown.has(name)), (name) => name.split(".")[0]);
    select.replaceChildren(el("option", { value: "" }, t("create.direction_choose")), ...[...groups].map(([group, members]) =>
      el("optgroup", { label: dataWord(group) }, members.map((name) => el("option", { value: name }, dataWord(name))))));
  };
  fill();
  select.addEventListener("change", (event) => {
    if (!select.value) return;
    event.stopPropagation(); // its strength is still 0
    add(select.value);
    fill();
    list.lastElementChild.querySelector("input").focus();
  });
  return el("fieldset", { class: "directions", "data-live": true }, el("legend", {}, t("create.directions")),
    el("p", { class: "hint" }, t("create.directions_hint")), list, field({ label: t("create.direction_add"), control: select }));
}
