/** Choice of the browser's wallet, where a node's chain is used. */

import { shortAddress } from "./amounts.js";
import { button, dialog, el } from "./parts.js";
import * as wallet from "./wallet.js";
import { t } from "./words.js";

/** Offer the accounts of the connected wallet to the page, now and whenever they change. */
export async function followWallet({ account }) {
  const offer = () => {
    const accounts = wallet.connected()?.accounts ?? [];
    account.offer(accounts.map((address) => ({ name: shortAddress(address), address })));
  };
  wallet.subscribe(offer);
  await wallet.reconnect().catch(() => {});
}

/** Let the reader connect a wallet; return true once one is connected. */
export async function connectWallet() {
  const found = wallet.findWallets();
  if (found.length === 1) {
    await wallet.connect(found[0]);
    return true;
  }
  if (found.length === 0) {
    await dialog({ title: t("wallet.none"), body: el("p", {}, t("wallet.none_text")) }).closed;
    return false;
  }
  const chosen = await dialog({
    title: t("wallet.choose"),
    body: el("div", { class: "stack" }, el("p", { class: "muted" }, t("wallet.note"))),
    actions: (close) => found.map((one) => walletButton(one, () => close(one))),
  }).closed;
  if (!chosen) return false;
  await wallet.connect(chosen);
  return true;
}

function walletButton({ info }, onclick) {
  const choice = button({ label: info.name, onclick });
  if (info.icon?.startsWith("data:image/")) choice.prepend(el("img", { class: "wallet-icon", src: info.icon, alt: "" }));
  return choice;
}
