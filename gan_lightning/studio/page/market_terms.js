/** Fields for the terms of an offer, as they are used by the registration and by a new offer. */

import { el, field } from "./parts.js";
import { t } from "./words.js";

/** Pattern of an amount that a reader types. */
export const AMOUNT = "[0-9]*[.]?[0-9]+";

const TERM_UNITS = [["d", "days"], ["h", "hours"], ["m", "minutes"]];

/** Return {fields, more, read()}: price and editions, the further terms, and a function that reads them all. */
export function termsFields() {
  const price = el("input", { inputmode: "decimal", required: true, pattern: AMOUNT, value: "0.1", name: "price" });
  const editions = el("input", { type: "number", min: 1, step: 1, value: 1, name: "editions" });
  const term = el("input", { type: "number", min: 1, step: 1, name: "term" });
  const unit = el("select", { "aria-label": t("market.term_unit") },
    TERM_UNITS.map(([value, name]) => el("option", { value }, t(`market.unit.${name}`))));
  const hands = el("input", { type: "number", min: 0, max: 65534, step: 1, name: "hands" });
  const from = el("input", { type: "datetime-local", name: "from" });
  const until = el("input", { type: "datetime-local", name: "until" });
  const revocable = el("input", { type: "checkbox", name: "revocable" });
  const licence = el("textarea", { maxlength: 20000, name: "licence" });
  const seconds = (input) => (input.value ? Math.floor(new Date(input.value).getTime() / 1000) : null);
  return {
    fields: el("div", { class: "field-row" },
      field({ label: t("market.price_in_ether"), hint: t("market.price_hint"), control: price }),
      field({ label: t("market.editions_field"), hint: t("market.editions_hint"), control: editions })),
    more: [
      el("div", { class: "field-row" },
        field({ label: t("market.term_field"), hint: t("market.term_hint"), control: el("div", { class: "input-pair" }, term, unit) }),
        field({ label: t("market.hands_field"), hint: t("market.hands_hint"), control: hands })),
      el("div", { class: "field-row" },
        field({ label: t("market.from_field"), hint: t("market.from_hint"), control: from }),
        field({ label: t("market.until_field"), hint: t("market.until_hint"), control: until })),
      field({ label: t("market.licence"), hint: t("market.licence_hint"), control: licence }),
      el("label", { class: "option" }, revocable, t("market.revocable_field")),
    ],
    read: () => ({
      price: `${price.value} ether`,
      editions: editions.value ? editions.valueAsNumber : "any",
      term: term.value ? `${term.value}${unit.value}` : null,
      hands: hands.value ? hands.valueAsNumber : "any",
      from: seconds(from),
      until: seconds(until),
      revocable: revocable.checked,
      licence: licence.value.trim() || null,
    }),
  };
}
