/** Sheets of a run: the newest one, with a slider over the earlier ones. */

import { el } from "./parts.js";
import { formatNumber, t } from "./words.js";

/** Return `{element, update(sheets)}`; at the newest sheet, the view moves on when a newer one comes. */
export function sheetViewer(name) {
  const image = el("img", { class: "run-sheet", alt: "" });
  image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth <= image.clientWidth));
  const link = el("a", { target: "_blank", title: t("watch.sheet_open") }, image);
  const caption = el("span", { class: "muted" });
  const slider = el("input", { type: "range", min: 0, step: 1, "aria-label": t("watch.sheet_of", { name }) });
  const empty = el("p", { class: "muted" }, t("watch.no_sheet"));
  const view = el("figure", { class: "sheets" }, link, el("figcaption", { class: "sheet-row" }, slider, caption));
  const element = el("div", {}, empty, view);
  let sheets = [];

  function show() {
    const sheet = sheets[slider.valueAsNumber];
    if (!sheet) return;
    const text = t("watch.iteration", { count: formatNumber(sheet.iteration, 21) });
    link.href = sheet.url;
    if (image.getAttribute("src") !== sheet.url) image.src = sheet.url;
    image.alt = t("watch.sheet_alt", { name, count: formatNumber(sheet.iteration, 21) });
    caption.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    slider.style.setProperty("--filled", `${(100 * slider.valueAsNumber) / slider.max}%`);
  }

  function update(found) {
    const following = sheets.length === 0 || slider.valueAsNumber === sheets.length - 1;
    sheets = [...found];
    empty.hidden = sheets.length > 0;
    view.hidden = sheets.length === 0;
    slider.hidden = sheets.length < 2;
    slider.max = Math.max(0, sheets.length - 1);
    if (following) slider.value = slider.max;
    show();
  }

  slider.addEventListener("input", show);
  return { element, update };
}
