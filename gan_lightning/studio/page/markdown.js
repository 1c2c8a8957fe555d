/** Shows the Markdown of model cards: headings, paragraphs, lists, tables, code and emphasis. Never HTML. */

import { el, table } from "./parts.js";

/** Return nodes for a Markdown text; its front matter and comments are left out. */
export function markdown(text) {
  const lines = text.replace(/^---\n[\s\S]*?\n---\n/, "").replace(/<!--[\s\S]*?-->/g, "").split("\n");
  const nodes = [];
  while (lines.length) {
    const line = lines[0];
    if (!line.trim()) lines.shift();
    else if (line.startsWith("```")) nodes.push(code(lines));
    else if (/^#{1,6} /.test(line)) nodes.push(heading(lines.shift()));
    else if (/^\s*([*+-]|\d+\.) /.test(line)) nodes.push(list(lines));
    else if (line.startsWith("|")) nodes.push(grid(lines));
    else nodes.push(paragraph(lines));
  }
  return nodes;
}

function code(lines) {
  lines.shift();
  const inside = takeWhile(lines, (line) => !line.startsWith("```"));
  lines.shift();
  return el("pre", { class: "code", tabindex: "0" }, inside.join("\n"));
}

function heading(line) {
  const [, marks, text] = line.match(/^(#+) (.*)$/);
  // The title of the dialog is a heading of level 2.
  return el(`h${Math.min(marks.length + 2, 6)}`, {}, inline(text));
}

function list(lines) {
  const ordered = /^\s*\d/.test(lines[0]);
  const items = [];
  while (lines.length && lines[0].trim() && !/^(#|```|\|)/.test(lines[0])) {
    const line = lines.shift();
    const item = line.match(/^\s*(?:[*+-]|\d+\.) (.*)$/);
    if (item) items.push(item[1]);
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return el(ordered ? "ol" : "ul", {}, items.map((item) => el("li", {}, inline(item))));
}

function grid(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
  const rows = takeWhile(lines, (line) => line.startsWith("|")).map(cells);
  const head = rows.shift();
  const isRule = (row) => row.every((cell) => /^:?-+:?$/.test(cell));
  return table(head.join(", "), head.map((text) => ({ text })), rows.filter((row) => !isRule(row)).map((row) => row.map(inline)));
}

const paragraph = (lines) => el("p", {}, inline(takeWhile(lines, (line) => line.trim() && !/^(#{1,6} |```|\|)/.test(line)).join(" ")));

function takeWhile(lines, holds) {
  const end = lines.findIndex((line) => !holds(line));
  return lines.splice(0, end < 0 ? lines.length : Math.max(end, 0));
}

/** Return the nodes of a line: `code`, **strong**, *emphasis*; links only where they lead to the web. */
function inline(text) {
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\((https?:\/\/[^)\s]+)\)/g;
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const [whole, codeText, strong, emphasis, label, url] = match;
    nodes.push(text.slice(end, match.index));
    if (codeText) nodes.push(el("code", {}, codeText));
    else if (strong) nodes.push(el("strong", {}, strong));
    else if (emphasis) nodes.push(el("em", {}, emphasis));
    else nodes.push(el("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, label));
    end = match.index + whole.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}
