import { el } from "./parts.js";

export default {
  name: "create",
  render(root, { words: t }) {
    root.append(el("h1", {}, t("nav.create")));
  },
};
