/** History of the market: each sale with the payments that it was split into. */

import { ether } from "./amounts.js";
import { button, el, emptyState, table } from "./parts.js";
import { accountName, titleOf } from "./terms.js";
import { formatTime, t } from "./words.js";

export async function renderSales(body, context) {
  const rows = el("div", { class: "stack" });
  let sales = [];
  async function load(before) {
    const path = before === undefined ? "/api/market/sales" : `/api/market/sales?before=${before}`;
    const found = await context.api.get(path);
    sales = [...sales, ...found.sales];
    const more = found.more && button({ label: t("market.earlier"), onclick: () => load(sales.at(-1).block) });
    rows.replaceChildren(...(sales.length > 0 ? [salesTable(sales, context, { withWork: true })]
      : [emptyState({ icon: "market", title: t("market.no_sales"), text: t("market.no_sales_text") })]), more || "");
  }
  await load();
  body.replaceChildren(el("div", { class: "screen-head" }, el("h1", {}, t("market.history")), el("p", { class: "lead" }, t("market.history_lead"))), rows);
}

/** Return the table of sales; with `withWork` a column names the work. */
export function salesTable(sales, context, { withWork = false } = {}) {
  const work = (sale) => el("a", { href: `#/market/work/${sale.work}` }, titleOf(sale));
  const headings = [
    t("market.time"), ...(withWork ? [t("market.work")] : []), t("market.what"), t("market.seller"), t("market.buyer"),
    { text: t("market.price"), number: true }, t("market.payments"),
  ];
  return table(t("market.history"), headings, sales.map((sale) => [
    formatTime(sale.time), ...(withWork ? [work(sale)] : []), t(`market.sale.${sale.kind}`),
    // A tip goes to the work itself.
    ...(sale.kind === "tip" ? [sale.to, null] : [sale.from, sale.to]).map((address) => accountName(address, context)),
    ether(sale.price),
    el("ul", { class: "payments" }, sale.payments.map((payment) =>
      el("li", {}, accountName(payment.account, context), " ", el("span", { class: "number" }, ether(payment.amount))))),
  ]));
}
