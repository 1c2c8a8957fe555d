/** Registration of a gallery item as a work. A title and a price are enough; all other terms have defaults. */

import { act, signRelease } from "./acting.js";
import { termsFields } from "./market_terms.js";
import { button, choice, el, emptyState, field, icon, toast } from "./parts.js";
import { titleOf, workImage } from "./terms.js";
import { t } from "./words.js";

const MOST_PARTS = 16;

export async function renderRegistration(body, context) {
  const { api, route, navigate } = context;
  const [{ items }, { works }] = await Promise.all([api.get("/api/gallery"), api.get("/api/market")]);
  const item = items.find(({ id }) => id === route[2]);
  if (!item || item.missing) {
    body.replaceChildren(emptyState({
      icon: "gallery", title: t("market.no_item"), text: t("market.no_item_text"),
      actions: [el("a", { class: "button primary", href: "#/gallery" }, t("market.to_gallery"))],
    }));
    return;
  }
  if (item.work !== null) {
    navigate(`#/market/work/${item.work}`);
    return;
  }
  const form = registrationForm(works, item, context);
  const sendForm = async () => {
    if (!form.node.reportValidity()) return;
    const request = { item: item.id, ...form.read() };
    if (form.isRelease()) {
      await signRelease(context, { ...request, deadline: null });
      toast(t("market.done.release"));
      navigate("#/market");
      return;
    }
    const { work } = await act(context, "register", request);
    toast(t("market.done.register"));
    navigate(`#/market/work/${work}`);
  };
  const submit = button({ label: t("market.register"), kind: "primary", icon: "seal", type: "submit" });
  form.node.append(el("div", { class: "row" }, submit,
    el("a", { class: "button quiet", href: "#/gallery" }, t("common.cancel"))));
  form.onsubmit(submit, sendForm);
  body.replaceChildren(
    el("a", { class: "button quiet small back", href: "#/gallery" }, icon("back"), el("span", {}, t("nav.gallery"))),
    el("div", { class: "work-page" },
      el("div", { class: "work-stage" }, workImage(item.preview, item.title)),
      el("div", { class: "stack" },
        el("header", { class: "screen-head" }, el("h1", {}, t("market.register_title")), el("p", { class: "lead" }, t("market.register_lead"))),
        form.node)));
}

function registrationForm(works, item, context) {
  const title = el("input", { required: true, maxlength: 200, value: item.title ?? "", name: "title" });
  const description = el("textarea", { maxlength: 5000, name: "description" });
  const royalty = percentInput("royalty", 10);
  const share = percentInput("share", 10);
  const terms = termsFields();
  const parts = partsChooser(works, context);
  const payees = payeeRows(context);
  let when = "now";
  const mode = choice({
    label: t("market.when"), value: when, onchange: (value) => { when = value; },
    options: [["now", t("market.register_now")], ["release", t("market.register_release")]],
  });
  const node = el("form", { class: "stack", novalidate: true },
    field({ label: t("market.title"), control: title }),
    terms.fields,
    field({ label: t("market.description"), control: description }),
    el("details", { class: "more" }, el("summary", {}, t("market.more_terms")), el("div", { class: "stack" }, terms.more)),
    el("details", { class: "more" }, el("summary", {}, t("market.royalty_and_shares")), el("div", { class: "stack" },
      el("div", { class: "field-row" },
        field({ label: t("market.royalty"), hint: t("market.royalty_hint"), control: royalty }),
        field({ label: t("market.share"), hint: t("market.share_hint"), control: share })),
      payees.node, parts.node)),
    el("details", { class: "more" }, el("summary", {}, t("market.when")), el("div", { class: "stack" },
      mode, el("p", { class: "hint" }, t("market.release_note")))));
  return {
    node,
    isRelease: () => when === "release",
    onsubmit(submit, action) {
      node.addEventListener("submit", (event) => event.preventDefault());
      submit.type = "button";
      submit.addEventListener("click", () => action());
    },
    read: () => ({
      title: title.value.trim(), description: description.value.trim(), offer: terms.read(),
      royalty: `${royalty.value || 0}%`, share: `${share.value || 0}%`, parts: parts.read(), payees: payees.read(),
    }),
  };
}

const percentInput = (name, value) => el("input", { type: "number", min: 0, max: 100, step: 0.01, value, name });

function partsChooser(works, { account }) {
  const valid = works.filter((work) => !work.void);
  const boxes = valid.map((work) => el("input", { type: "checkbox", value: work.number }));
  const node = el("fieldset", { class: "parts" }, el("legend", {}, t("market.parts")),
    el("p", { class: "hint" }, valid.length > 0 ? t("market.parts_hint", { most: MOST_PARTS }) : t("market.no_parts")),
    el("div", { class: "parts-list" }, valid.map((work, index) => el("label", { class: "part" },
      boxes[index], workImage(work.preview, ""), el("span", {}, titleOf(work))))));
  return { node, read: () => boxes.filter(({ checked }) => checked).map(({ value }) => Number(value)) };
}

/** Rows of payees: an account and its units. No row: whoever holds the title gets all. */
function payeeRows({ account }) {
  const rows = el("div", { class: "stack" });
  const names = el("datalist", { id: "payee-names" },
    el("option", { value: "holder" }), account.all.map(({ name, address }) => el("option", { value: address }, name)));
  function addRow() {
    const who = el("input", { list: names.id, required: true, placeholder: "0x…", "aria-label": t("market.payee") });
    const units = el("input", { type: "number", min: 1, step: 1, value: 1, "aria-label": t("market.units") });
    const row = el("div", { class: "input-pair payee-row" }, who, units,
      button({ label: t("market.remove_payee"), icon: "close", kind: "quiet", iconOnly: true, onclick: () => row.remove() }));
    row.read = () => ({ account: who.value.trim(), units: units.valueAsNumber });
    rows.append(row);
    who.focus();
  }
  const node = el("fieldset", {}, el("legend", {}, t("market.payees")), el("p", { class: "hint" }, t("market.payees_hint")),
    rows, names, button({ label: t("market.add_payee"), icon: "plus", kind: "plain small", onclick: addRow }));
  return { node, read: () => [...rows.children].map((row) => row.read()) };
}
