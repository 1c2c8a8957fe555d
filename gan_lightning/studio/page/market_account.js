/** The account of this tab: its balance, earnings, titles, copies and sales. */

import { ether, roundedEther } from "./amounts.js";
import { actAndTell } from "./acting.js";
import { connectWallet } from "./connecting.js";
import { sellButton } from "./market_work.js";
import { salesTable } from "./market_sales.js";
import { button, el, emptyState, hash, table } from "./parts.js";
import { countdown, editionsOf, handsOf, licenceButton, titleOf, workImage } from "./terms.js";
import { formatTime, t } from "./words.js";

export async function renderAccount(body, context) {
  const { api, account, studio } = context;
  const chosen = account.current();
  if (!chosen) {
    body.replaceChildren(emptyState({
      icon: "wallet", title: t("wallet.connect"), text: t("wallet.note"),
      actions: [button({ label: t("wallet.connect"), icon: "wallet", kind: "primary", onclick: connectWallet })],
    }));
    return undefined;
  }
  const found = await api.get(`/api/market/accounts/${chosen.address}`);
  const stops = [];
  const copies = found.copies.map((copy) => copyCard(copy, stops, context));
  const sales = [...found.sales, ...found.purchases].sort((a, b) => b.time - a.time);
  body.replaceChildren(
    el("div", { class: "screen-head" }, el("h1", {}, found.name ?? t("market.tab.account")), hash(found.address, 12)),
    el("div", { class: "amounts" },
      amount(t("market.balance"), found.balance, studio),
      amount(t("market.earned"), found.earned, studio),
      amount(t("market.owed"), found.owed, studio, button({
        label: t("market.withdraw"), kind: "primary", disabled: found.owed === "0",
        onclick: () => actAndTell(context, "withdraw", {}, context),
      }))),
    group(t("market.titles"), t("market.no_titles"), found.titles.map((work) => titleCard(work, context))),
    group(t("market.my_copies"), t("market.no_copies"), copies),
    section(t("market.earnings"), found.earnings.length > 0 ? earningsTable(found.earnings) : el("p", { class: "muted" }, t("market.no_earnings"))),
    section(t("market.history"), sales.length > 0 ? salesTable(sales, context, { withWork: true }) : el("p", { class: "muted" }, t("market.no_sales"))));
  return () => stops.forEach((stop) => stop());
}

const section = (title, ...content) => el("section", { class: "stack" }, el("h2", {}, title), content);
const group = (title, none, cards) =>
  section(title, cards.length > 0 ? el("div", { class: "work-grid" }, cards) : el("p", { class: "muted" }, none));

function amount(label, wei, { chain }, action) {
  return el("div", { class: "amount card" }, el("p", { class: "muted" }, label), el("p", { class: "amount-value", title: ether(wei) }, roundedEther(wei)),
    chain.embedded && el("span", { class: "play-money" }, t("account.play_money")), action);
}

function titleCard(work, context) {
  const open = work.offers.find((offer) => offer.open);
  return el("article", { class: "work-card" },
    el("a", { href: `#/market/work/${work.number}` }, workImage(work.preview, titleOf(work))),
    el("div", { class: "work-label" }, el("h3", {}, titleOf(work)),
      el("p", { class: "muted" }, open ? editionsOf(open) : t("market.no_offer")),
      sellButton({ token: work.number, price: work.listing?.price ?? null, label: t("market.sell_title") }, context)));
}

function copyCard(copy, stops, context) {
  const time = copy.expires && !copy.over ? countdown(copy) : null;
  if (time) stops.push(time.stop);
  const state = copy.over ? el("span", { class: "badge bad" }, t("market.over"))
    : copy.valid ? el("span", { class: "badge good" }, t("market.valid"))
      : el("span", { class: "badge warn" }, t("market.valid_from", { time: formatTime(copy.starts) }));
  return el("article", { class: "work-card" },
    el("a", { href: `#/market/work/${copy.work}` }, workImage(copy.preview, titleOf(copy))),
    el("div", { class: "work-label" }, el("h3", {}, titleOf(copy)),
      el("p", { class: "row" }, state, el("span", { class: "muted" }, t("market.copy_number", { token: copy.token }))),
      time && el("p", {}, time.element),
      el("p", { class: "terms" }, handsOf(copy.hands)),
      el("div", { class: "row" },
        copy.transferable && sellButton({ token: copy.token, price: copy.price, label: t("market.sell") }, context),
        licenceButton(copy),
        copy.over && button({ label: t("market.burn"), kind: "quiet small", onclick: () => actAndTell(context, "burn", { token: copy.token }, context) }))));
}

function earningsTable(earnings) {
  const headings = [t("market.time"), t("market.work"), t("market.what"), { text: t("market.amount"), number: true }];
  return table(t("market.earnings"), headings, earnings.map((entry) => [
    formatTime(entry.time), el("a", { href: `#/market/work/${entry.work}` }, titleOf(entry)),
    t(`market.sale.${entry.sale}`), ether(entry.amount),
  ]));
}
