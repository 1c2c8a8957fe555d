/** Terms of works and copies in words. */

import { ether, shortAddress } from "./amounts.js";
import { button, dialog, el } from "./parts.js";
import { formatDuration, formatTime, t } from "./words.js";

/** Return the price of an offer or listing as an element. */
export function price(wei) {
  return el("span", { class: "price" }, BigInt(wei) === 0n ? t("market.free") : ether(wei));
}

/** Return how many copies are left of an offer or a release. */
export function editionsOf({ editions, left }) {
  if (editions === null) return t("market.editions_unlimited");
  if (left === undefined) return t("market.editions", { n: editions });
  return left === 0 ? t("market.sold_out") : t("market.editions_left", { left, count: editions });
}

/** Return the terms of an offer as sentences; `null` stands for no limit. */
export function termsOf({ term, from, until, hands, revocable }) {
  const length = term && { length: formatDuration(term) };
  return [
    handsOf(hands),
    length && t(hands ? "market.term_after_transfers" : "market.term", length),
    from && t("market.valid_from", { time: formatTime(from) }),
    until && t("market.valid_until", { time: formatTime(until) }),
    revocable && t("market.revocable"),
  ].filter(Boolean);
}

/** Return how often a copy may change hands. */
export function handsOf(hands) {
  if (hands === null) return t("market.hands_free");
  return hands === 0 ? t("market.hands_none") : t("market.hands", { n: hands });
}

/** Return the name of a demo account, or a short form of an address, with the address as its title. */
export function accountName(address, { account }) {
  if (!address) return el("span", {}, "–");
  const known = account.all.find((entry) => isSame(entry.address, address));
  return el("span", { class: "account-name", title: address }, known?.name ?? shortAddress(address));
}

/** Return true if two addresses are those of one account. */
export const isSame = (one, other) => Boolean(one && other) && one.toLowerCase() === other.toLowerCase();

/** Return the title of a work, also of one that has none. */
export const titleOf = ({ title, number, work }) => title ?? t("market.untitled", { number: work ?? number });

/** Return a button that opens the text of a licence; null if there is none. */
export function licenceButton({ licence, licence_url: url }) {
  if (!licence) return null;
  if (!url) return el("span", { class: "muted", title: licence }, t("market.licence_elsewhere"));
  return button({
    label: t("market.licence"), icon: "card", kind: "quiet small",
    onclick: async () => {
      const text = await (await fetch(url)).text();
      dialog({ title: t("market.licence"), wide: true, body: el("div", { class: "licence" }, text) });
    },
  });
}

/** Return the image of a work on its mat, or its place if there is none here. */
export function workImage(preview, title) {
  if (!preview) return el("div", { class: "print no-image" }, t("market.no_preview"));
  const image = el("img", { src: preview, alt: title, loading: "lazy" });
  image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth < 256));
  return el("div", { class: "print" }, image);
}

/** Return {element, stop()}: an element that counts down to a time of the chain. */
export function countdown({ expires, remaining }) {
  const end = Date.now() / 1000 + remaining;
  const element = el("span", { class: "countdown", title: formatTime(expires) });
  const update = () => {
    const left = end - Date.now() / 1000;
    element.textContent = left > 0 ? t("market.time_left", { length: formatDuration(left) }) : t("market.over");
    element.classList.toggle("over", left <= 0);
  };
  update();
  const timer = setInterval(update, 1000);
  return { element, stop: () => clearInterval(timer) };
}
