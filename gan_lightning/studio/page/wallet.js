/**
 * The browser's wallet (EIP-1193), found by its announcement (EIP-6963). Keys stay in the wallet: it signs what the
 * server has prepared.
 */

import { ApiError } from "./api.js";
import { t } from "./words.js";

const REJECTED = 4001;
const UNKNOWN_CHAIN = 4902;
const BUSY = -32002;
const STORED = "gan-studio.wallet";

const announced = new Map(); // wallets by their uuid: {info: {uuid, name, icon}, provider}
const listeners = new Set();
let wallet = null; // the connected one: {info, provider, accounts}

addEventListener("eip6963:announceProvider", ({ detail }) => {
  announced.set(detail.info.uuid, detail);
  notify();
});

function notify() {
  for (const listener of listeners) listener();
}

/** Call `listener()` when a wallet appears, or the connected one changes its accounts; returns a function that stops. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Return the wallets of this browser as {info, provider}; asks them to announce themselves. */
export function findWallets() {
  dispatchEvent(new Event("eip6963:requestProvider"));
  if (announced.size === 0 && window.ethereum) {
    return [{ info: { uuid: "injected", rdns: "injected", name: t("wallet.injected") }, provider: window.ethereum }];
  }
  return [...announced.values()];
}

export const connected = () => wallet;

/** Ask a wallet for its accounts, and keep it as the connected one. */
export async function connect(found) {
  use(found, await request(found.provider, "eth_requestAccounts"));
}

/** Connect the wallet of before a reload again, if it still lets this page see its accounts. */
export async function reconnect() {
  const rdns = sessionStorage.getItem(STORED);
  const found = rdns && !wallet && findWallets().find(({ info }) => info.rdns === rdns);
  if (!found) return;
  const accounts = await request(found.provider, "eth_accounts");
  if (accounts.length > 0) use(found, accounts);
}

function use(found, accounts) {
  wallet = { ...found, accounts };
  sessionStorage.setItem(STORED, found.info.rdns);
  found.provider.on?.("accountsChanged", (changed) => {
    if (wallet?.provider !== found.provider) return;
    wallet = changed.length > 0 ? { ...wallet, accounts: changed } : null;
    notify();
  });
  notify();
}

/** Send a transaction that the server prepared; returns its hash. */
export async function send({ request: prepared, chain_id: chainId }, studio) {
  await useChain(chainId, studio);
  return request(wallet.provider, "eth_sendTransaction", [prepared]);
}

/** Return the signature of `account` on typed data (EIP-712). */
export async function signTypedData(account, typed, studio) {
  await useChain(typed.domain.chainId, studio);
  return request(wallet.provider, "eth_signTypedData_v4", [account, JSON.stringify(typed)]);
}

async function useChain(id, studio) {
  if (!wallet) throw new ApiError(0, { code: "wallet_missing" });
  const chainId = hex(id);
  if (hex(await request(wallet.provider, "eth_chainId")) === chainId) return;
  try {
    await request(wallet.provider, "wallet_switchEthereumChain", [{ chainId }]);
  } catch (error) {
    if (error.values.number !== UNKNOWN_CHAIN) throw error;
    await request(wallet.provider, "wallet_addEthereumChain", [{
      chainId, chainName: `Chain ${id}`, rpcUrls: [studio.chain.place],
      nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    }]);
  }
  if (hex(await request(wallet.provider, "eth_chainId")) !== chainId) {
    throw new ApiError(0, { code: "wallet_chain", values: { chain: String(id) } });
  }
}

async function request(provider, method, params = []) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    const code = { [REJECTED]: "wallet_rejected", [BUSY]: "wallet_busy" }[error?.code] ?? "wallet_failed";
    const message = String(error?.message ?? error).split("\n")[0];
    throw new ApiError(0, { code, message, values: { number: error?.code, message } });
  }
}

function hex(value) {
  return `0x${BigInt(value).toString(16)}`;
}
