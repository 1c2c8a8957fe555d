import { el } from "./parts.js";

export default {
  name: "gallery",
  render(root, { words: t }) {
    root.append(el("h1", {}, t("nav.gallery")));
  },
};
