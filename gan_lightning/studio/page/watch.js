/** Watch: runs in training and finished ones, one or several side by side. */

import { swatch } from "./charts.js";
import { compareRuns } from "./comparison.js";
import { command, el, emptyState } from "./parts.js";
import { formatAgo, formatNumber, t } from "./words.js";

const MOST_RUNS = 4; // a browser opens six connections to a server, in all of its tabs
const REFRESH_INTERVAL = 10_000; // milliseconds between two looks at the list of runs

async function render(root, context) {
  const { api } = context;
  root.append(el("p", { class: "muted", role: "status" }, t("common.loading")));
  let { runs } = await api.get("/api/runs");
  root.replaceChildren();
  if (runs.length === 0) {
    root.append(emptyState({
      icon: "watch", title: t("watch.empty_title"), text: t("watch.empty_text"),
      actions: [command("python train.py experiment=quickstart")],
    }));
    return undefined;
  }
  let chosen = chosenRuns(runs);
  let comparison = null;
  const list = el("div", { class: "run-list" });
  const content = el("div", { class: "watch-content" }, el("p", { class: "muted", role: "status" }, t("common.loading")));
  root.append(
    el("div", { class: "screen-head" }, el("h1", {}, t("nav.watch")), el("p", { class: "lead" }, t("watch.lead"))),
    el("div", { class: "watch" },
      el("fieldset", { class: "runs" }, el("legend", {}, t("watch.choose", { most: MOST_RUNS })), list), content));

  function drawList() {
    const focused = list.contains(document.activeElement) && document.activeElement.value;
    list.replaceChildren(...runs.map((run) => runChoice(run, labelOf(run, runs), chosen, choose)));
    if (focused) list.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
  }

  function choose(id, on) {
    chosen = on ? [...chosen, id] : chosen.filter((other) => other !== id);
    history.replaceState(null, "", `#/watch/${chosen.map(encodeURIComponent).join(",")}`);
    drawList();
    return show();
  }

  async function show() {
    comparison?.close();
    comparison = null;
    if (chosen.length === 0) {
      content.replaceChildren(el("p", { class: "muted" }, t("watch.choose_one")));
      return;
    }
    const labels = chosen.map((id) => ({ id, label: labelOf(runs.find((run) => run.id === id), runs) }));
    const next = compareRuns(labels, context);
    comparison = next;
    content.setAttribute("aria-busy", "true");
    await next.load();
    if (comparison !== next) return;
    content.removeAttribute("aria-busy");
    content.replaceChildren(next.element);
    next.open();
  }

  async function refresh() {
    const found = document.hidden ? null : await api.get("/api/runs").catch(() => null);
    if (!found || JSON.stringify(found.runs) === JSON.stringify(runs)) return;
    runs = found.runs;
    drawList();
  }

  drawList();
  await show();
  const timer = setInterval(refresh, REFRESH_INTERVAL);
  // A hidden tab gives its connections back.
  const onVisibility = () => (document.hidden ? comparison?.pause() : show());
  document.addEventListener("visibilitychange", onVisibility);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", onVisibility);
    comparison?.close();
    comparison = null;
  };
}

/** Return the ids in the page's address that are runs, or the id of the newest run. */
function chosenRuns(runs) {
  const ids = (location.hash.split("/")[2] ?? "").split(",").map(decodeURIComponent);
  const known = ids.filter((id) => runs.some((run) => run.id === id));
  return (known.length > 0 ? known : [runs[0].id]).slice(0, MOST_RUNS);
}

/** Return the name of a run, or its folder where another run has the same name. */
function labelOf(run, runs) {
  return runs.filter(({ name }) => name === run.name).length > 1 ? run.folder : run.name;
}

function runChoice(run, label, chosen, choose) {
  const slot = chosen.indexOf(run.id);
  const box = el("input", {
    type: "checkbox", value: run.id, checked: slot >= 0, disabled: slot < 0 && chosen.length >= MOST_RUNS,
    onchange: () => choose(run.id, box.checked),
  });
  const headline = run.headline && `${run.headline.name} ${formatNumber(run.headline.value)}`;
  const about = [run.data, headline, run.started ? formatAgo(run.started) : null].filter(Boolean).join(" · ");
  return el("label", { class: "run-choice" }, box,
    el("span", { class: "run-name" }, label), statusBadge(run.status),
    el("span", { class: "run-about muted" }, chosen.length > 1 && slot >= 0 && swatch(slot), about));
}

/** Return the status of a run as a badge. */
export function statusBadge(status) {
  const kind = { running: "live", interrupted: "warn", diverged: "bad", failed: "bad" }[status] ?? "";
  return el("span", { class: `badge ${kind}` }, t(`status.${status}`));
}

export default { name: "watch", render };
