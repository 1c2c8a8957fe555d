/** Market: the works for sale. The screens of one work, of the registration and of the account are files of their own. */

import { ether } from "./amounts.js";
import { act, actAndTell } from "./acting.js";
import { connectWallet, followWallet } from "./connecting.js";
import { renderAccount } from "./market_account.js";
import { renderRegistration } from "./market_register.js";
import { renderSales } from "./market_sales.js";
import { renderWork } from "./market_work.js";
import { button, choice, el, emptyState, icon } from "./parts.js";
import { accountName, editionsOf, handsOf, isSame, licenceButton, price, termsOf, titleOf, workImage } from "./terms.js";
import { t } from "./words.js";

const VIEWS = { work: renderWork, register: renderRegistration, account: renderAccount, sales: renderSales };
const TABS = [["", "works"], ["account", "account"], ["sales", "sales"]];
let following = false; // true once the page follows the wallet

async function render(root, context) {
  const { route, studio, account } = context;
  await chainIsReady(context, root);
  if (!root.isConnected) return undefined;
  if (!studio.chain.embedded && !following) {
    following = true;
    await followWallet(context);
  }
  const view = VIEWS[route[1]] ?? renderWorks;
  const head = el("div", { class: "market-head" });
  let body = el("p", { class: "muted", role: "status" }, t("common.loading"));
  root.append(head, body);
  let leave;
  let drawn = 0; // number of the latest drawing; an older one that is still loading is dropped
  const drawHead = () => head.replaceChildren(...marketHead(context, route[1] ?? ""));
  async function draw() {
    const number = ++drawn;
    const next = el("div", { class: "market-body" });
    const cleanup = await view(next, { ...context, draw });
    if (number !== drawn) return cleanup?.();
    leave?.();
    leave = cleanup;
    body.replaceWith(next);
    body = next;
    return undefined;
  }
  drawHead();
  await draw();
  const stop = account.subscribe(() => {
    drawHead();
    return view === renderRegistration || draw(); // a form keeps what was typed
  });
  return () => {
    stop();
    drawn++;
    leave?.();
  };
}

/** Wait until the server has opened the chain: it takes some seconds at its start. */
async function chainIsReady({ api, studio, account }, root) {
  while (root.isConnected) {
    const state = await api.get("/api/market/state");
    if (state.state === "failed") throw new Error(state.message);
    if (state.state === "ready") {
      studio.chain ??= state;
      if (account.all.length === 0 && state.accounts.length > 0) account.offer(state.accounts);
      root.replaceChildren();
      return;
    }
    root.replaceChildren(el("p", { class: "muted", role: "status" }, t("market.starting")), el("progress", { "aria-label": t("market.starting") }));
    await new Promise((done) => setTimeout(done, 500));
  }
}

function marketHead({ studio, account }, active) {
  const tabs = TABS.map(([path, name]) => el("a", {
    href: path ? `#/market/${path}` : "#/market", class: "subtab", "aria-current": path === active ? "page" : null,
  }, t(`market.tab.${name}`)));
  const connect = !studio.chain.embedded && !account.current()
    && button({ label: t("wallet.connect"), icon: "wallet", kind: "primary", onclick: connectWallet });
  return [
    el("nav", { class: "subtabs", "aria-label": t("nav.market") }, tabs),
    connect,
    studio.chain.embedded && el("p", { class: "play-money-note" }, el("span", { class: "play-money" }, t("account.play_money")), t("market.play_money")),
  ].filter(Boolean);
}

async function renderWorks(body, context) {
  const { api } = context;
  const [market, { releases }] = await Promise.all([api.get("/api/market"), api.get("/api/market/releases")]);
  const open = releases.filter(({ work }) => work === null);
  const works = market.works.filter((work) => !work.void);
  if (works.length === 0 && open.length === 0) {
    body.replaceChildren(el("div", { class: "screen-head" }, el("h1", {}, t("nav.market"))), emptyState({
      icon: "market", title: t("market.empty_title"), text: t("market.empty_text"),
      actions: [link("#/gallery", t("market.to_gallery"), "primary"), link("#/create", t("market.to_create"))],
    }));
    return;
  }
  const grid = el("div", { class: "work-grid" });
  const none = el("p", { class: "muted" }, t("market.none_for_sale"));
  function show(wanted) {
    const shown = wanted === "all" ? works : works.filter(isForSale);
    grid.replaceChildren(...shown.map((work) => workCard(work, context)));
    none.hidden = shown.length > 0;
  }
  const filter = choice({
    label: t("market.show"), value: "sale", onchange: show,
    options: [["sale", t("market.for_sale")], ["all", t("market.all_works")]],
  });
  show("sale");
  body.replaceChildren(...[
    el("div", { class: "screen-head" }, el("h1", {}, t("nav.market")), el("p", { class: "lead" }, t("market.lead"))),
    filter, grid, none,
    open.length > 0 && section(t("market.releases"), t("market.releases_text"), open.map((release) => releaseCard(release, context))),
    market.listings.length > 0 && section(t("market.resale"), t("market.resale_text"), market.listings.map((copy) => copyCard(copy, context))),
    releaseFile(context),
  ].filter(Boolean));
}

const link = (href, label, kind = "") => el("a", { class: `button ${kind}`, href }, label);
const isForSale = ({ offers, listing }) => listing !== null || offers.some(({ open }) => open);

const section = (title, text, cards) =>
  el("section", { class: "stack" }, el("h2", {}, title), el("p", { class: "muted" }, text), el("div", { class: "work-grid" }, cards));

function workCard(work, context) {
  const title = titleOf(work);
  const offer = work.offers.find(({ open }) => open) ?? work.offers[0];
  const mine = isSame(work.holder, context.account.current()?.address);
  return el("a", { class: "work-card", href: `#/market/work/${work.number}` },
    workImage(work.preview, ""),
    el("div", { class: "work-label" },
      el("h2", {}, title),
      el("p", { class: "muted" }, t("market.by"), " ", accountName(work.creator, context), mine && el("span", { class: "badge" }, t("market.yours"))),
      offer ? el("p", { class: "work-price" }, price(offer.price), el("span", { class: "muted" }, editionsOf(offer)))
        : el("p", { class: "muted" }, t("market.no_offer")),
      offer && el("p", { class: "terms" }, termsOf(offer).join(" · ")),
      work.listing && el("p", { class: "terms" }, t("market.title_listed", { price: ether(work.listing.price) }))));
}

function releaseCard(release, context) {
  const { draw, navigate } = context;
  return el("article", { class: "work-card" },
    workImage(release.preview, ""),
    el("div", { class: "work-label" },
      el("h3", {}, release.title),
      el("p", { class: "muted" }, t("market.by"), " ", accountName(release.creator, context)),
      el("p", { class: "work-price" }, price(release.offer.price), el("span", { class: "muted" }, editionsOf(release.offer))),
      el("p", { class: "terms" }, termsOf(release.offer).join(" · ")),
      el("div", { class: "row" },
        button({
          label: t("market.collect"), kind: "primary",
          onclick: async () => {
            const { work } = await actAndTell(context, "collect", { release: release.id }, { draw });
            if (work) navigate(`#/market/work/${work}`);
          },
        }),
        licenceButton(release.offer),
        el("a", { class: "button quiet small", href: release.file, download: "" }, icon("download"), t("market.release_file")))));
}

function copyCard(copy, context) {
  const { account, draw } = context;
  const buy = button({
    label: t("market.buy"), kind: "primary",
    onclick: () => actAndTell(context, "buy", { token: copy.token, number: copy.number }, { draw }),
  });
  return el("article", { class: "work-card" },
    el("a", { href: `#/market/work/${copy.work}` }, workImage(copy.preview, titleOf(copy))),
    el("div", { class: "work-label" },
      el("h3", {}, titleOf(copy)),
      el("p", { class: "muted" }, t("market.copy_of", { token: copy.token }), " ", accountName(copy.holder, context)),
      el("p", { class: "work-price" }, price(copy.price), el("span", { class: "muted" }, handsOf(copy.hands))),
      isSame(copy.holder, account.current()?.address) ? el("span", { class: "badge" }, t("market.yours")) : buy));
}

/** Collect by a release file that came by another way. */
function releaseFile(context) {
  const input = el("input", {
    type: "file", accept: ".json,application/json", class: "visually-hidden", id: "release-file",
    onchange: async () => {
      const document = await input.files[0].text();
      input.value = "";
      const { work } = await act(context, "collect", { document });
      context.navigate(work ? `#/market/work/${work}` : "#/market");
    },
  });
  return el("p", { class: "hint" }, t("market.release_hint"), " ", input,
    el("label", { for: "release-file", class: "button small" }, icon("upload"), t("market.open_release")));
}

export default { name: "market", render };
