/** A work with its parts and payees as a tree: the part of a sale that reaches each of them. */

import { percent } from "./amounts.js";
import { el } from "./parts.js";
import { accountName, titleOf } from "./terms.js";
import { t } from "./words.js";

/** Return nested lists for a tree of the server; bars show percentages of a sale of the root. */
export function shareTree(tree, context) {
  return el("ul", { class: "share-tree" }, branch(tree, context));
}

function branch(node, context) {
  const name = el("a", { href: `#/market/work/${node.number}` }, titleOf(node));
  const payees = node.payees.map((payee) => el("li", {}, line(
    [accountName(payee.account, context), payee.holder && el("span", { class: "muted" }, ` ${t("market.as_holder")}`)],
    payee.percent, "payee")));
  return el("li", {},
    line(node.void ? [name, " ", el("span", { class: "badge bad" }, t("market.displaced"))] : name, node.flow, "work"),
    el("ul", {}, node.parts.map((part) => branch(part, context)), payees));
}

function line(name, share, kind) {
  const fill = el("span", { class: "share-fill" });
  fill.style.setProperty("--part", `${share}%`);
  return el("div", { class: `share-line ${kind}` },
    el("span", { class: "share-name" }, name),
    el("span", { class: "share-bar", "aria-hidden": "true" }, fill),
    el("span", { class: "share-amount number" }, percent(share)));
}
