/** Parts of every screen: elements, icons, buttons, fields, dialogs, messages and progress. Text is never HTML. */

import { t, describeError } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** Paths of the icons, drawn as lines on a square of 24. */
const ICONS = {
  bolt: "M13.5 3 6 13.5h5L10 21l8-11h-5.5z",
  create: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3M4 8h4M6 6v4",
  watch: "M3 12h4l3-7 4 14 3-7h4",
  gallery: "M3 4h8v7H3zM13 4h8v11h-8zM3 13h8v7H3zM13 17h8v3h-8z",
  verify: "M12 3l8 3v6c0 5-3.5 8-8 9-4.500-1-8-4-8-9V6zM8.500 12l2.500 2.500 4.500-5",
  market: "M4 9l1.500-5h13L20 9M4 9v11h16V9M4 9c0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0M9.500 20v-5h5v5",
  heart: "M12 20S4 15 4 9.200C4 6.500 6 5 8 5c1.800 0 3.200 1 4 2.500C12.800 6 14.200 5 16 5c2 0 4 1.500 4 4.200C20 15 12 20 12 20z",
  seal: "M5 4h14v16H5zM9 8h6M9 12h6M12 8v8M9 16h6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  close: "M5 5l14 14M19 5L5 19",
  check: "M5 13l4.500 4.500L19 7",
  warning: "M12 4l9 16H3zM12 10v4.500M12 17.200v.3",
  question: "M12 3a9 9 0 100 18 9 9 0 000-18zM9.500 9.500c0-3.500 5-3.200 5 0 0 2-2.500 2-2.500 4M12 16.700v.3",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5.500M12 7.500v.3",
  broken: "M12 3a9 9 0 100 18 9 9 0 000-18zM8.500 8.500l7 7M15.500 8.500l-7 7",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  again: "M19.500 12a7.500 7.500 0 11-2.200-5.300L19.500 9M19.500 4v5h-5",
  dice: "M5 5h14v14H5zM9 9v.1M15 15v.1M12 12v.1M15 9v.1M9 15v.1",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  walk: "M4 17a2 2 0 104 0 2 2 0 00-4 0zM16 7a2 2 0 104 0 2 2 0 00-4 0zM8 17c7 0 1-10 8-10",
  card: "M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7",
  chain: "M10 14l4-4M8.500 11.500l-3 3a3.500 3.500 0 005 5l3-3M15.500 12.500l3-3a3.500 3.500 0 00-5-5l-3 3",
  wallet: "M4 7h15v12H4zM4 7l11-3v3M19 11h-4a2 2 0 000 4h4",
  music: "M9 18V6l10-2v12M9 18a2.500 2.500 0 11-5 0 2.500 2.500 0 015 0zM19 16a2.500 2.500 0 11-5 0 2.500 2.500 0 015 0z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  back: "M11 5l-7 7 7 7M4 12h16",
  next: "M9 5l7 7-7 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5.500l3.500 2",
  tree: "M12 3v6M5 21v-6h14v6M12 9v12M12 15H5",
  external: "M9 5H5v14h14v-4M13 4h7v7M20 4l-9 9",
  sliders: "M4 7h9M17 7h3M13 5v4M4 17h3M11 17h9M7 15v4",
  auto: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 7h5M12 12h8M12 17h5",
  light: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2.500M12 19.500V22M2 12h2.500M19.500 12H22M5 5l1.700 1.700M17.300 17.300L19 19M19 5l-1.700 1.700M6.700 17.300L5 19",
  dark: "M19.500 14.500A8 8 0 119.500 4.500a6.500 6.500 0 0010 10z",
};

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
