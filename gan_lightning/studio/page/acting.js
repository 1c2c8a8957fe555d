/** Actions on the market: the server signs for demo accounts; a wallet signs what the server has prepared. */

import { ApiError } from "./api.js";
import { connectWallet } from "./connecting.js";
import { dialog, el, icon, toast } from "./parts.js";
import { send, signTypedData } from "./wallet.js";
import { t } from "./words.js";

const DIALOG_DELAY = 400; // milliseconds: what takes less needs no dialog
const TOO_EARLY_TRIES = 30;

/**
 * Do a market action as the account of this tab, with its steps in a dialog, and return its result.
 *
 * Throw an ApiError if the contract, the server or the wallet refuses.
 */
export async function act(context, action, body) {
  const account = await chosenAccount(context);
  const steps = stepsDialog(t(`market.doing.${action}`));
  try {
    const request = { account, ...body };
    return await (context.studio.chain.embedded ? actHere : actByWallet)(context, action, request, steps);
  } finally {
    steps.close();
  }
}

/** Sign a release: a registration that the first buyer sends and pays for. Return the release. */
export async function signRelease(context, body) {
  const { api, studio } = context;
  const account = await chosenAccount(context);
  const steps = stepsDialog(t("market.doing.release"));
  try {
    const { release, typed_data: typed } = await api.post("/api/market/release", { account, ...body });
    steps.show([], t("wallet.sign"));
    const signature = studio.chain.embedded ? null : await signTypedData(account, typed, studio);
    return await api.post("/api/market/release/signed", { release, signature });
  } finally {
    steps.close();
  }
}

/** Act, tell that it is done, and draw the screen again. */
export async function actAndTell(context, action, body, { draw, done }) {
  const result = await act(context, action, body);
  toast(t(`market.done.${done ?? action}`));
  await draw();
  // The button that was pressed is gone; the keyboard continues on the screen.
  if (document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
  return result;
}

async function chosenAccount(context) {
  const { account, studio } = context;
  if (!account.current() && !studio.chain.embedded) await connectWallet();
  if (!account.current()) throw new ApiError(0, { code: "account_missing", message: t("error.account_missing") });
  return account.current().address;
}

async function actHere({ api }, action, request, steps) {
  const { job, result } = await api.post(`/api/market/${action}`, request);
  if (!job) return result;
  return api.follow(`/api/market/jobs/${job.id}`, { progress: (state) => steps.show(state.steps) });
}

/** Send one transaction after the other: the server prepares each when the one before is mined. */
async function actByWallet(context, action, request, steps) {
  for (;;) {
    const answer = await prepare(context, action, request);
    if (answer.result) return answer.result;
    let mined;
    for (const transaction of answer.transactions) mined = await sendByWallet(context, transaction, answer.steps, request, steps);
    if (!answer.steps.some(({ state }) => state === "next")) return mined;
  }
}

async function sendByWallet({ api, studio }, transaction, progress, { work }, steps) {
  steps.show(progress, t("wallet.confirm"));
  const hash = await send(transaction, studio);
  steps.show(progress, t("wallet.waiting"));
  let found = await api.post("/api/market/sent", { hash, work });
  while (found.state === "pending" || found.state === "unknown") {
    found = await api.get(`/api/market/transactions/${hash}?wait=20`);
  }
  if (found.state === "failed") throw new ApiError(0, { code: "failed" });
  return found;
}

/** A claim cannot be registered in the block that anchored it: ask again until there is a later one. */
async function prepare({ api }, action, request) {
  for (let tries = 0; ; tries++) {
    try {
      return await api.post(`/api/market/${action}`, request);
    } catch (error) {
      if (error.code !== "refused_TooEarly" || tries === TOO_EARLY_TRIES) throw error;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

/** Dialog with the steps of an action: {show(steps, text), close()}. It opens only for what takes a while. */
function stepsDialog(title) {
  const list = el("ol", { class: "steps" });
  const text = el("p", { role: "status" }, t("market.please_wait"));
  let opened = null;
  const timer = setTimeout(() => {
    opened = dialog({ title, body: [list, text, el("progress", { "aria-label": title })] });
  }, DIALOG_DELAY);
  return {
    show(steps, message) {
      list.replaceChildren(...steps.map(({ name, state }) => el("li", { class: state },
        icon(state === "done" ? "check" : state === "now" ? "clock" : "next"), t(`market.step.${name}`))));
      if (message) text.textContent = message;
    },
    close() {
      clearTimeout(timer);
      opened?.close();
    },
  };
}
