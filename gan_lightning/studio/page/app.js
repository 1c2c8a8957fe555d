/** Shell of the studio: navigation, language, theme, account, messages, and the screen of the current address. */

import * as api from "./api.js";
import { LANGUAGES, currentLanguage, describeError, preferredLanguage, rememberLanguage, t, useLanguage } from "./words.js";
import { announce, button, closeDialogs, el, emptyState, icon, toast } from "./parts.js";

const SCREENS = ["create", "watch", "gallery", "verify", "market"];
const CHAIN_TRIES = 20;
const CHAIN_PAUSE = 1500; // milliseconds
const THEMES = ["auto", "light", "dark"];

let studio;
let leave; // cleanup function of the current screen
let shown = 0; // number of the latest navigation; an older one that is still loading is dropped

/** Account of this tab, and those to choose from: demo accounts, or those of a wallet once it is connected. */
const account = {
  all: [],
  listeners: new Set(),
  current: () => account.all.find(({ address }) => address === sessionStorage.getItem("gan-studio.account")) ?? account.all[0] ?? null,
  select(address) {
    sessionStorage.setItem("gan-studio.account", address);
    account.changed();
  },
  offer(accounts) {
    account.all = accounts;
    account.changed();
  },
  changed() {
    drawAccount();
    for (const listener of account.listeners) listener(account.current());
  },
  /** Call `listener(account)` when another account is chosen; returns a function that ends this. */
  subscribe(listener) {
    account.listeners.add(listener);
    return () => account.listeners.delete(listener);
  },
};

export const navigate = (hash) => {
  if (location.hash === hash) route();
  else location.hash = hash;
};

function drawShell() {
  document.body.replaceChildren(
    el("a", { class: "skip", href: "#main", onclick: skipToMain }, t("shell.skip")),
    el("header", { class: "top" },
      el("a", { class: "brand", href: "#/create" },
        el("span", { class: "brand-mark", "aria-hidden": "true" }, icon("bolt")),
        el("span", { class: "brand-name" }, t("shell.brand"))),
      el("nav", { class: "tabs", "aria-label": t("shell.navigation") },
        SCREENS.map((name) => el("a", { class: "tab", href: `#/${name}`, "data-screen": name },
          icon(name), el("span", {}, t(`nav.${name}`))))),
      el("div", { class: "top-end" },
        el("div", { id: "account" }),
        languageSwitch(),
        themeSwitch())),
    el("main", { id: "main", tabindex: "-1" }),
    el("footer", { id: "foot", class: "foot" }),
    el("div", { id: "toasts", class: "toasts" }),
    el("div", { id: "live", class: "visually-hidden", role: "status", "aria-live": "polite" }));
  drawAccount();
  drawFoot();
}

function drawFoot() {
  document.getElementById("foot").replaceChildren(...[
    el("span", {}, t("shell.footer", { version: studio.version })),
    studio.chain?.embedded && el("span", {}, t("shell.play_money_note")),
    studio.tensorboard && el("a", { href: studio.tensorboard, target: "_blank", rel: "noopener" }, "TensorBoard"),
  ].filter(Boolean));
}

function skipToMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function drawAccount() {
  const place = document.getElementById("account");
  if (!place) return;
  const chosen = account.current();
  if (!chosen) {
    place.replaceChildren(...(studio.chain
      ? [el("a", { class: "chip", href: "#/market/account" }, icon("wallet"), t("account.wallet"))] : []));
    return;
  }
  const select = el("select", { "aria-label": t("account.label"), onchange: () => account.select(select.value) },
    account.all.map(({ name, address }) => el("option", { value: address, selected: address === chosen.address }, name)));
  place.replaceChildren(el("div", { class: "account-chip", title: chosen.address },
    el("span", { class: "avatar", "aria-hidden": "true", "data-tone": String(account.all.indexOf(chosen) % 4) },
      [...chosen.name][0]?.toUpperCase()),
    select,
    studio.chain?.embedded && el("span", { class: "play-money" }, t("account.play_money"))));
}

function languageSwitch() {
  const other = currentLanguage() === "zh" ? "en" : "zh";
  return el("button", {
    class: "quiet-button language", type: "button", lang: other === "zh" ? "zh-Hans" : "en",
    title: t("shell.language", { name: LANGUAGES[other] }),
    onclick: async () => {
      await useLanguage(other);
      rememberLanguage(other);
      drawShell();
      await route();
      document.querySelector(".language").focus();
    },
  }, LANGUAGES[other]);
}

function themeSwitch() {
  const stored = localStorage.getItem("gan-studio.theme");
  const theme = THEMES.includes(stored) ? stored : "auto";
  document.documentElement.dataset.theme = theme;
  return el("button", {
    class: "quiet-button theme", type: "button",
    "aria-label": t(`theme.${theme}`), title: t(`theme.${theme}`),
    onclick: () => {
      const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      localStorage.setItem("gan-studio.theme", next);
      const replacement = themeSwitch();
      document.querySelector(".theme").replaceWith(replacement);
      replacement.focus();
      announce(t(`theme.${next}`));
    },
  }, icon(theme));
}

/** Draw the screen of the current address; what fails inside it is told in words in its place. */
async function route() {
  const path = decodeURI(location.hash.replace(/^#\/?/, "")).split("/").filter(Boolean);
  const name = SCREENS.includes(path[0]) ? path[0] : "create";
  const number = ++shown;
  closeDialogs();
  try {
    leave?.();
  } finally {
    leave = undefined;
  }
  for (const tab of document.querySelectorAll(".tab")) {
    if (tab.dataset.screen === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  document.title = `${t(`nav.${name}`)} · ${t("shell.brand")}`;
  const main = document.getElementById("main");
  const root = el("div", { class: `screen screen-${name}` });
  const context = { api, words: t, studio, route: path, account, navigate, toast, announce };
  try {
    const screen = await import(`./${name}.js`);
    if (number !== shown) return;
    main.replaceChildren(root);
    const cleanup = await screen.default.render(root, context);
    if (number === shown) leave = cleanup;
    else cleanup?.();
  } catch (error) {
    console.warn(error);
    if (number === shown) main.replaceChildren(failure(error, route));
  }
}

function failure(error, again) {
  return el("div", { class: "screen" }, emptyState({
    icon: "warning", title: t("shell.failed"), text: describeError(error),
    actions: [button({ label: t("common.again"), icon: "again", kind: "primary", onclick: again })],
  }));
}

/** Ask for the access token that a server on a network wants. */
function askToken() {
  const input = el("input", { id: "access", type: "password", required: true, autocomplete: "current-password" });
  document.body.replaceChildren(el("main", { class: "screen" }, el("form", {
    class: "card narrow", onsubmit: (event) => {
      event.preventDefault();
      location.assign(`/?token=${encodeURIComponent(input.value)}`);
    },
  }, el("h1", {}, t("access.title")), el("p", {}, t("access.text")),
  el("label", { for: "access" }, t("access.label")), input,
  button({ label: t("access.enter"), kind: "primary", type: "submit" }))));
  input.focus();
}

/** Wait for the chain, which opens a few seconds after the server, and offer its accounts. */
async function waitForChain() {
  for (let tries = 0; !studio.chain && tries < CHAIN_TRIES; tries++) {
    await new Promise((done) => setTimeout(done, CHAIN_PAUSE));
    Object.assign(studio, await api.openSession());
  }
  if (!studio.chain) return;
  drawFoot();
  if (!account.all.length) account.offer(studio.chain.accounts); // a wallet may have offered its own
}

async function start() {
  try {
    await useLanguage(preferredLanguage());
    studio = await api.openSession();
  } catch (error) {
    if (error.status === 401) return askToken();
    document.body.replaceChildren(el("main", {}, failure(error, () => location.reload())));
    return undefined;
  }
  account.all = studio.chain?.accounts ?? [];
  drawShell();
  if (!studio.chain) waitForChain().catch(() => {}); // the market tells why there is no chain
  addEventListener("hashchange", async () => {
    await route();
    document.getElementById("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  addEventListener("unhandledrejection", (event) => {
    if (event.reason?.name === "AbortError") event.preventDefault();
    else if (event.reason?.code) {
      event.preventDefault();
      toast(describeError(event.reason), { kind: "error" });
    }
  });
  return route();
}

start();
