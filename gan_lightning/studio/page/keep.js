/** Keeps a sample: asks for a title, and for the name of who signs if there is none yet; shows the progress. */

import { preview } from "./media.js";
import { button, dialog, el, errorNote, field, progress } from "./parts.js";
import { t } from "./words.js";

const MAX_NAME = 64;
const MAX_TITLE = 100;

/** Open the dialog for a sample {id, recipe, …}. Returns a promise of the item in the gallery; undefined if cancelled. */
export async function keepSample(context, sample, suggestion) {
  if (!context.studio.identity && !(await createIdentity(context))) return undefined;
  const title = el("input", { type: "text", required: true, maxlength: MAX_TITLE, autofocus: true, value: suggestion });
  const work = el("div", { "aria-live": "polite" });
  const save = button({ label: t("keep.action"), icon: "seal", kind: "primary", type: "submit", form: "keep" });
  let running;
  const form = el("form", { id: "keep", class: "stack" },
    el("div", { class: "keep-head" },
      el("div", { class: "print" }, preview(sample, "")),
      el("p", {}, t("keep.text", { name: context.studio.identity.name }))),
    field({ label: t("keep.title"), control: title }),
    work);
  const opened = dialog({
    title: t("keep.heading"), body: form,
    actions: (close) => [button({ label: t("common.cancel"), onclick: () => close() }), save],
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running || !title.value.trim()) return;
    running = progress(t("keep.signing"), { cancellable: false });
    work.replaceChildren(running.node);
    save.disabled = true;
    try {
      const { item } = await context.api.runJob(
        { kind: "keep", sample: sample.id, title: title.value.trim() }, { progress: running.update });
      opened.close(item);
      context.toast(t("keep.done", { title: item.title }), { link: { href: `#/gallery/${item.id}`, label: t("keep.show") } });
    } catch (error) {
      work.replaceChildren(errorNote(error));
      save.disabled = false;
    } finally {
      running.remove();
      running = undefined;
    }
  });
  title.select();
  return opened.closed;
}

/** Ask for the name that signs, and create the identity. Returns a promise of true if there is one now. */
export function createIdentity(context) {
  const name = el("input", { type: "text", required: true, maxlength: MAX_NAME, autocomplete: "name", autofocus: true });
  const work = el("div", {});
  const create = button({ label: t("identity.create"), kind: "primary", type: "submit", form: "identity" });
  const form = el("form", { id: "identity", class: "stack" }, el("p", {}, t("identity.text")),
    field({ label: t("identity.name"), hint: t("identity.hint"), control: name }), work);
  const opened = dialog({
    title: t("identity.heading"), body: form,
    actions: (close) => [button({ label: t("common.cancel"), onclick: () => close(false) }), create],
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    create.disabled = true;
    try {
      const { identity } = await context.api.post("/api/identity", { name: name.value.trim() });
      context.studio.identity = identity;
      opened.close(true);
    } catch (error) {
      work.replaceChildren(errorNote(error));
      create.disabled = false;
    }
  });
  return opened.closed;
}
