/** Parts of every screen: elements, icons, buttons, fields, dialogs, messages and progress. Text is never HTML. */

import { ICONS } from "./icons.js";
import { describeError, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. Attributes that start with "on" are listeners; null, undefined and false are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...flatten(children));
  return node;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

const flatten = (children) => children.flat(Infinity)
  .filter((child) => child !== null && child !== undefined && child !== false)
  .map((child) => (child instanceof Node ? child : String(child)));

/** Return an SVG element; for drawings such as plots. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...flatten(children));
  return node;
}

/** Return an icon. It is decoration: the element around it has the words. */
export const icon = (name) =>
  svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] ?? ICONS.file }));

/**
 * Return a button. `kind`: primary, plain, quiet or danger. A button without a visible label (`iconOnly`) is named by it.
 *
 * If `onclick` returns a promise, the button is disabled and marked busy until it ends; an error becomes a toast.
 */
export function button({ label, icon: iconName, kind = "plain", type = "button", iconOnly = false, onclick, ...attributes }) {
  const node = el("button", {
    class: `button ${kind}${iconOnly ? " icon-only" : ""}`, type,
    ...(iconOnly ? { "aria-label": label, title: label } : {}), ...attributes,
  }, iconName && icon(iconName), !iconOnly && el("span", {}, label));
  if (onclick) node.addEventListener("click", (event) => whileBusy(node, () => onclick(event)));
  return node;
}

/** Run `action` while `node` is disabled and marked busy; tell errors, except a cancellation, in a toast. */
export async function whileBusy(node, action) {
  try {
    const result = action();
    if (!(result instanceof Promise)) return result;
    const focused = document.activeElement === node;
    node.disabled = true;
    node.setAttribute("aria-busy", "true");
    try {
      return await result;
    } finally {
      node.disabled = false;
      node.removeAttribute("aria-busy");
      if (focused && document.activeElement === document.body) node.focus();
    }
  } catch (error) {
    if (error.name !== "AbortError") toast(describeError(error), { kind: "error" });
    return undefined;
  }
}

let lastId = 0;
export const newId = (prefix) => `${prefix}-${++lastId}`;

/** Return a labelled control with an optional hint below; the hint describes the control to screen readers. */
export function field({ label, hint, control, aside }) {
  const input = control.matches("input,select,textarea") ? control : control.querySelector("input,select,textarea");
  input.id ||= newId("field");
  const note = hint && el("p", { class: "hint", id: `${input.id}-hint` }, hint);
  if (note) input.setAttribute("aria-describedby", note.id);
  return el("div", { class: "field" },
    el("div", { class: "field-head" }, el("label", { for: input.id }, label), aside), control, note);
}

/** Return a slider with its value written beside the label. `oninput(number)` is called while it moves. */
export function slider({ label, hint, min, max, step, value, format = String, oninput }) {
  const output = el("output", { class: "value" }, format(value));
  const input = el("input", { type: "range", min, max, step });
  input.value = value;
  const paint = () => input.style.setProperty("--filled", `${(100 * (input.value - min)) / (max - min)}%`);
  paint();
  input.addEventListener("input", () => {
    output.textContent = format(Number(input.value));
    paint();
    oninput(Number(input.value));
  });
  const node = field({ label, hint, control: input, aside: output });
  output.setAttribute("for", input.id);
  node.setValue = (number) => {
    input.value = number;
    output.textContent = format(number);
    paint();
  };
  return node;
}

/** Return a group of choices drawn as chips, one chosen at a time (radio buttons). `options`: [[value, label], …]. */
export function choice({ label, options, value, onchange }) {
  const name = newId("choice");
  return el("fieldset", { class: "choice" }, el("legend", {}, label),
    el("div", { class: "chips" }, options.map(([option, text]) => el("label", { class: "choice-chip" },
      el("input", { type: "radio", name, value: option, checked: option === value, onchange: () => onchange(option) }),
      el("span", {}, text)))));
}

export function copyButton(text, label = t("common.copy")) {
  return button({
    label, icon: "copy", kind: "quiet", iconOnly: true,
    onclick: async () => {
      await navigator.clipboard.writeText(text);
      toast(t("common.copied"));
    },
  });
}

/** Return a shortened hash or address with its full text as title, and a button that copies it. */
export const hash = (text, length = 10) => el("span", { class: "hash" },
  el("code", { title: text }, text.length > length + 6 ? `${text.slice(0, length)}…${text.slice(-4)}` : text), copyButton(text));

export const emptyState = ({ icon: name, title, text, actions = [] }) => el("div", { class: "empty" },
  el("div", { class: "empty-mark", "aria-hidden": "true" }, icon(name)),
  el("h2", {}, title), text && el("p", {}, text), actions.length > 0 && el("div", { class: "row centered" }, actions));

export const errorNote = (error) => el("div", { class: "note bad", role: "alert" }, icon("warning"), el("p", {}, describeError(error)));

/** Return a command with a button that copies it. */
export const command = (text) => el("div", { class: "command" }, el("code", {}, text), copyButton(text));

/**
 * Return a progress bar {node, update(job), controller}: `controller.signal` is for `api.follow`.
 *
 * It appears after 300 ms, so that fast work does not flicker. `update` takes a job of the server.
 */
export function progress(label, { cancellable = true } = {}) {
  const controller = new AbortController();
  const text = el("span", { class: "progress-text" }, label);
  const bar = el("progress", { max: 1, "aria-label": label });
  const node = el("div", { class: "progress", role: "status" }, el("div", { class: "progress-head" }, text,
    cancellable && button({ label: t("common.cancel"), kind: "quiet small", onclick: () => controller.abort() })), bar);
  node.hidden = true;
  const timer = setTimeout(() => { node.hidden = false; }, 300);
  controller.signal.addEventListener("abort", () => clearTimeout(timer));
  return {
    node, controller,
    update(job) {
      if (typeof job.progress === "number") bar.value = job.progress;
      else bar.removeAttribute("value");
      const waiting = job.state === "queued" && job.position > 0;
      text.textContent = waiting ? t("common.queued", { n: job.position }) : job.progress_text || label;
    },
    remove() {
      clearTimeout(timer);
      node.remove();
    },
  };
}

/** Open a dialog. `actions(close)` returns its buttons. Returns {node, close(value), closed: Promise of the value}. */
export function dialog({ title, body, actions, wide = false }) {
  const id = newId("dialog");
  let settle;
  const closed = new Promise((resolve) => { settle = resolve; });
  const node = el("dialog", { class: wide ? "wide" : "", "aria-labelledby": id });
  const close = (value) => {
    settle(value);
    node.close();
  };
  node.append(
    el("div", { class: "dialog-head" }, el("h2", { id }, title),
      button({ label: t("common.close"), icon: "close", kind: "quiet", iconOnly: true, onclick: () => close() })),
    el("div", { class: "dialog-body" }, ...flatten([body])));
  const buttons = actions ? flatten([actions(close)]) : [];
  if (buttons.length) node.append(el("div", { class: "dialog-actions" }, ...buttons));
  node.addEventListener("close", () => {
    settle();
    // Messages that stand in the dialog, above its backdrop, outlive it.
    document.getElementById("toasts")?.append(...node.querySelectorAll(".toast"));
    node.remove();
  });
  node.addEventListener("mousedown", (event) => { if (event.target === node) close(); });
  document.body.append(node);
  node.showModal();
  node.querySelector("[autofocus]")?.focus();
  return { node, close, closed };
}

export function closeDialogs() {
  for (const node of document.querySelectorAll("dialog[open]")) node.close();
}

/** Ask before an action; return a promise of true if the reader agrees. */
export const confirm = ({ title, text, action, danger = false }) => dialog({
  title, body: el("p", {}, text),
  actions: (close) => [
    button({ label: t("common.cancel"), onclick: () => close(false) }),
    button({ label: action, kind: danger ? "danger" : "primary", onclick: () => close(true) }),
  ],
}).closed.then(Boolean);

/** Show a message at the edge of the window. `link`: {href, label}; errors stay until they are closed. */
export function toast(text, { kind = "good", link } = {}) {
  const inFront = [...document.querySelectorAll("dialog[open]")].at(-1);
  let place = document.getElementById("toasts");
  if (inFront) {
    place = inFront.querySelector(".toasts") ?? el("div", { class: "toasts" });
    inFront.append(place);
  }
  const node = el("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "warning" : kind === "good" ? "check" : "info"), el("p", {}, text),
    link && el("a", { href: link.href, onclick: () => node.remove() }, link.label),
    button({ label: t("common.close"), icon: "close", kind: "quiet small", iconOnly: true, onclick: () => node.remove() }));
  (place ?? document.body).append(node);
  if (kind !== "error") setTimeout(() => node.remove(), link ? 9000 : 5000);
}

/** Tell a text to screen readers. */
export function announce(text) {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}

/** Return terms with their descriptions. `entries`: [[term, text or nodes], …]; entries without a value are left out. */
export const definitions = (entries) => el("dl", { class: "definitions" }, entries
  .filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));

/** Return a table. A heading {text, number: true} aligns its column as numbers. */
export const table = (caption, headings, rows) => el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption },
  el("table", {}, el("caption", { class: "visually-hidden" }, caption),
    el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col", class: heading.number && "number" }, heading.text ?? heading)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, column) => el("td", { class: headings[column]?.number && "number" }, cell)))))));
