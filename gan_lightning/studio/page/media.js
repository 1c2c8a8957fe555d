/** Shows samples of any media type: images, sound, text, tables, video; the preview sheet of all others. */

import { el, errorNote, icon, table } from "./parts.js";
import { t } from "./words.js";

const TABLE_ROWS = 12;
const TEXT_LENGTH = 4000; // characters

/** Return the kind of a media type: image, audio, video, text, table or other. */
export function kindOf(mediaType) {
  const [type, subtype] = mediaType.split("/");
  if (["image", "audio", "video"].includes(type)) return type;
  if (subtype === "csv") return "table";
  return type === "text" ? "text" : "other";
}

const image = (url, label, kind) => el("img", {
  src: url, alt: label, class: kind === "table" ? "sample-image table-preview" : "sample-image", loading: "lazy", decoding: "async", onload: ({ target }) => sharpen(target),
  onerror: ({ target }) => target.replaceWith(el("span", { class: "frame-missing" }, icon("broken"), t("media.missing"))),
});

/** Return the preview sheet of a sample {preview, media_type}; of a table, the first rows and columns. */
export const preview = (sample, label) => image(sample.preview, label, kindOf(sample.media_type));

/** Draw small images with hard pixels, as they are; larger ones are smoothed. */
function sharpen(node) {
  node.classList.toggle("pixels", node.naturalWidth <= 160);
}

/**
 * Return an element that shows a sample {preview, file, media_type}; `label` is its name for screen readers.
 *
 * Without `controls` it is small and does not react, for use inside a button.
 */
export function showSample(sample, label, { controls = false } = {}) {
  const kind = kindOf(sample.media_type);
  if (kind === "text") return el("div", { class: "sample-text" }, load(sample, showText));
  if (kind === "table" && controls) return load(sample, (text) => showTable(text, label));
  if (!controls || kind === "image") return preview(sample, label);
  if (kind === "audio") {
    return el("div", { class: "stack" }, image(sample.preview, label),
      el("audio", { controls: true, preload: "metadata", src: sample.file, "aria-label": label }));
  }
  if (kind === "video") {
    return el("video", {
      class: "sample-image pixels", controls: true, loop: true, muted: true, playsinline: true,
      poster: sample.preview, src: sample.file, "aria-label": label,
    });
  }
  return image(sample.preview, label);
}

/** Return an element that is filled by `show(text)` when the file has arrived. */
function load(sample, show) {
  const place = el("div", { class: "sample-loading" });
  fetch(sample.file)
    .then((response) => (response.ok ? response.text() : Promise.reject(new Error(t("media.missing")))))
    .then((text) => place.replaceChildren(show(text)), (error) => place.replaceChildren(errorNote(error)));
  return place;
}

const showText = (text) => el("pre", {}, text.slice(0, TEXT_LENGTH), text.length > TEXT_LENGTH && "…");

function showTable(text, label) {
  const [head, ...rows] = parseCsv(text);
  const isNumber = head.map((_, column) => rows.every((row) => row[column] === "" || !Number.isNaN(Number(row[column]))));
  return el("div", { class: "stack" },
    table(label, head.map((name, column) => ({ text: name, number: isNumber[column] })), rows.slice(0, TABLE_ROWS)),
    el("p", { class: "hint" }, t("media.rows", { shown: Math.min(TABLE_ROWS, rows.length), n: rows.length })));
}

/** Return the rows of a CSV text (RFC 4180), each a list of cells. */
export function parseCsv(text) {
  const rows = [];
  let row = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}
