/** One work of the market: its offers, ownership, shares, copies and sales. */

import { ether, percent } from "./amounts.js";
import { actAndTell } from "./acting.js";
import { AMOUNT, termsFields } from "./market_terms.js";
import { salesTable } from "./market_sales.js";
import { button, confirm, definitions, dialog, el, field, hash, icon, table } from "./parts.js";
import { accountName, editionsOf, handsOf, isSame, licenceButton, price, termsOf, titleOf, workImage } from "./terms.js";
import { shareTree } from "./tree.js";
import { formatTime, t } from "./words.js";

export async function renderWork(body, context) {
  const { api, route, account } = context;
  const work = await api.get(`/api/market/works/${encodeURIComponent(route[2])}`);
  const title = titleOf(work);
  const mine = isSame(work.holder, account.current()?.address);
  document.title = `${title} · ${t("nav.market")}`;
  body.replaceChildren(...[
    el("a", { class: "button quiet small back", href: "#/market" }, icon("back"), el("span", {}, t("market.back"))),
    el("article", { class: "work-page" },
      el("div", { class: "work-stage" }, workImage(work.preview, title)),
      el("div", { class: "stack" },
        el("header", { class: "screen-head" },
          el("h1", {}, title),
          el("p", { class: "lead" }, t("market.by"), " ", accountName(work.creator, context)),
          work.description && el("p", { class: "description" }, work.description)),
        statusNote(work),
        el("section", { class: "stack" }, el("h2", {}, t("market.offers")), offers(work, mine, context)),
        titleSale(work, mine, context),
        mine ? holderActions(work, context) : el("div", { class: "row" }, tipButton(work, context)))),
    el("section", { class: "stack" },
      el("h2", {}, t("market.shares")), el("p", { class: "muted" }, t("market.shares_text")), shareTree(work.tree, context)),
    el("section", { class: "stack" }, el("h2", {}, t("market.about")), about(work, context)),
    work.copies.length > 0 && el("section", { class: "stack" }, el("h2", {}, t("market.copies")), copiesTable(work, context)),
    el("section", { class: "stack" }, el("h2", {}, t("market.history")),
      work.sales.length > 0 ? salesTable(work.sales, context) : el("p", { class: "muted" }, t("market.no_sales"))),
  ].filter(Boolean));
}

/** Tell whether an older claim can still displace the work. */
function statusNote(work) {
  if (work.void) {
    const other = work.displaced_by && el("a", { href: `#/market/work/${work.displaced_by}` }, t("market.see_other"));
    return el("div", { class: "note bad", role: "alert" }, icon("warning"), el("p", {}, t("market.displaced_text"), " ", other));
  }
  const time = formatTime(work.final);
  return work.is_final
    ? el("div", { class: "note good" }, icon("check"), el("p", {}, t("market.final", { time })))
    : el("div", { class: "note" }, icon("clock"), el("p", {}, t("market.contestable", { time })));
}

function offers(work, mine, context) {
  if (work.offers.length === 0) return el("p", { class: "muted" }, t("market.no_offer"));
  return el("ul", { class: "offers" }, work.offers.map((offer) => el("li", { class: `offer${offer.open ? "" : " closed"}` },
    el("div", {},
      el("p", { class: "work-price" }, price(offer.price),
        el("span", { class: "muted" }, offer.open ? editionsOf(offer) : t(`market.closed.${offer.closed_because}`))),
      el("p", { class: "terms" }, termsOf(offer).join(" · ")),
      licenceButton(offer)),
    offer.open && el("div", { class: "row" },
      button({
        label: t("market.collect"), kind: "primary",
        onclick: () => actAndTell(context, "collect", { work: work.number, offer: offer.index }, context),
      }),
      mine && button({
        label: t("market.close"), kind: "quiet",
        onclick: async () => {
          if (!await confirm({ title: t("market.close"), text: t("market.close_text"), action: t("market.close"), danger: true })) return;
          await actAndTell(context, "close", { work: work.number, offer: offer.index }, context);
        },
      })))));
}

function titleSale({ number, listing }, mine, context) {
  if (!listing || mine) return null;
  return el("div", { class: "offer" },
    el("div", {}, el("p", { class: "work-price" }, price(listing.price), el("span", { class: "muted" }, t("market.title_for_sale"))),
      el("p", { class: "terms" }, t("market.title_text"))),
    button({
      label: t("market.buy_title"), kind: "primary",
      onclick: () => actAndTell(context, "buy", { token: number, number: listing.number }, context),
    }));
}

function holderActions(work, context) {
  return el("section", { class: "stack" }, el("h2", {}, t("market.yours_to_decide")),
    el("div", { class: "row" },
      button({ label: t("market.add_offer"), icon: "plus", onclick: () => addOffer(work, context) }),
      sellButton({ token: work.number, price: work.listing?.price ?? null, label: t("market.sell_title") }, context),
      button({
        label: work.may_build_on.everybody ? t("market.forbid_parts") : t("market.allow_parts"), icon: "tree",
        onclick: () => actAndTell(context, "allow",
          { work: work.number, who: "everybody", allowed: !work.may_build_on.everybody }, context),
      })));
}

async function addOffer(work, context) {
  const terms = termsFields();
  const form = el("form", { class: "stack", onsubmit: (event) => event.preventDefault() }, terms.fields, terms.more);
  const agreed = await dialog({
    title: t("market.add_offer"), body: form,
    actions: (close) => [
      button({ label: t("common.cancel"), onclick: () => close(false) }),
      button({ label: t("market.add_offer"), kind: "primary", onclick: () => form.reportValidity() && close(true) }),
    ],
  }).closed;
  if (agreed) await actAndTell(context, "offer", { work: work.number, offer: terms.read() }, context);
}

/** Return a button that lists a token for sale, or ends its sale. */
export function sellButton({ token, price: listed, label }, context) {
  if (listed !== null) {
    return button({
      label: t("market.end_sale", { price: ether(listed) }),
      onclick: () => actAndTell(context, "list", { token, price: null }, { ...context, done: "unlist" }),
    });
  }
  return button({
    label, icon: "market",
    onclick: async () => {
      const asked = await askAmount(label, t("market.sell_text"));
      if (asked) await actAndTell(context, "list", { token, price: asked }, context);
    },
  });
}

function tipButton({ number }, context) {
  return button({
    label: t("market.tip"), icon: "heart", kind: "quiet",
    onclick: async () => {
      const amount = await askAmount(t("market.tip"), t("market.tip_text"));
      if (amount) await actAndTell(context, "tip", { work: number, amount }, context);
    },
  });
}

/** Ask for an amount; return it with its unit, or undefined if the reader changes their mind. */
async function askAmount(title, hint) {
  const input = el("input", { inputmode: "decimal", required: true, pattern: AMOUNT, autofocus: true });
  const form = el("form", { method: "dialog" }, field({ label: t("market.price_in_ether"), hint, control: input }));
  const asked = dialog({
    title, body: form,
    actions: (close) => [
      button({ label: t("common.cancel"), onclick: () => close() }),
      button({ label: title, kind: "primary", onclick: () => form.reportValidity() && close(`${input.value} ether`) }),
    ],
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked.close(`${input.value} ether`);
  });
  return asked.closed;
}

function about(work, context) {
  return definitions([
    [t("market.number"), String(work.number)],
    [t("market.since"), formatTime(work.since)],
    [t("market.holder"), accountName(work.holder, context)],
    [t("market.royalty"), t("market.royalty_text", { percent: percent(work.royalty) })],
    [t("market.share"), t("market.share_text", { percent: percent(work.share) })],
    [t("market.sold_for"), `${ether(work.sold_for)} (${t("market.copies_sold", { n: work.copies_sold })})`],
    [t("market.artifact"), hash(work.artifact, 16)],
    [t("market.metadata"), work.metadata.known
      ? el("a", { href: `/api/market/metadata/${work.metadata.digest}`, download: "" }, t("market.metadata_file")) : null],
    ...work.metadata.attributes.filter(({ name }) => name !== "artifact").map(({ name, value }) => [name, String(value)]),
  ]);
}

function copiesTable({ copies, holder }, context) {
  const mine = isSame(holder, context.account.current()?.address);
  const headings = [t("market.copy"), t("market.holder"), t("market.state"), t("market.hands_left"), ...(mine ? [t("market.revoke")] : [])];
  return table(t("market.copies"), headings, copies.map((copy) => [
    String(copy.token), accountName(copy.holder, context), stateOf(copy), handsOf(copy.hands),
    ...(mine ? [copy.revocable && !copy.over ? revokeButton(copy, context) : "–"] : []),
  ]));
}

function revokeButton({ token }, context) {
  return button({
    label: t("market.revoke"), kind: "quiet small",
    onclick: async () => {
      const agreed = await confirm({ title: t("market.revoke"), text: t("market.revoke_text"), action: t("market.revoke"), danger: true });
      if (agreed) await actAndTell(context, "revoke", { token }, context);
    },
  });
}

function stateOf({ holder, over, valid, expires }) {
  if (!holder) return t("market.burned");
  if (over) return t("market.over");
  if (!valid) return t("market.not_yet_valid");
  return expires ? t("market.valid_until", { time: formatTime(expires) }) : t("market.valid");
}
