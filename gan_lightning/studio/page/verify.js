import { el } from "./parts.js";

export default {
  name: "verify",
  render(root, { words: t }) {
    root.append(el("h1", {}, t("nav.verify")));
  },
};
