/** Plays frames: play, pause, scrub, speed; the space bar and the arrow keys work. */

import { button, el, icon } from "./parts.js";
import { t } from "./words.js";

const SPEEDS = [0.5, 1, 2];

/** Load all frames; `progress(share)` is called for each. */
export async function loadFrames(urls, progress) {
  let loaded = 0;
  return Promise.all(urls.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    progress(++loaded / urls.length);
    return image;
  }));
}

/** Return {node, stop()} of a player that goes forward and back through the frames. */
export function player(frames, fps, label) {
  const { naturalWidth: width, naturalHeight: height } = frames[0];
  const canvas = el("canvas", {
    width, height, role: "img", "aria-label": label, class: width <= 160 ? "player-canvas pixels" : "player-canvas",
  });
  const pen = canvas.getContext("2d");
  const scrub = el("input", { type: "range", min: 0, max: frames.length - 1, step: 1, "aria-label": t("walk.position") });
  const toggle = button({ label: t("walk.play"), icon: "play", iconOnly: true, onclick: () => play(!playing) });
  const speed = el("select", { "aria-label": t("walk.speed") },
    SPEEDS.map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));
  let playing = false;
  let position = 0;
  let direction = 1;
  let last = 0;
  let request;

  function draw() {
    const at = Math.round(position);
    pen.clearRect(0, 0, width, height);
    pen.drawImage(frames[at], 0, 0);
    scrub.value = at;
    scrub.style.setProperty("--filled", `${(100 * at) / (frames.length - 1)}%`);
    scrub.setAttribute("aria-valuetext", t("walk.frame", { at: at + 1, n: frames.length }));
  }

  function tick(now) {
    const seconds = Math.min((now - last) / 1000, 0.25);
    last = now;
    position += direction * seconds * fps * Number(speed.value);
    if (position >= frames.length - 1 || position <= 0) {
      position = Math.max(0, Math.min(frames.length - 1, position));
      direction = position > 0 ? -1 : 1;
    }
    draw();
    if (playing) request = requestAnimationFrame(tick);
  }

  function play(on) {
    playing = on;
    cancelAnimationFrame(request);
    const name = t(on ? "walk.pause" : "walk.play");
    toggle.setAttribute("aria-label", name);
    toggle.title = name;
    toggle.replaceChildren(icon(on ? "pause" : "play"));
    if (on) {
      last = performance.now();
      request = requestAnimationFrame(tick);
    }
  }

  scrub.addEventListener("input", () => {
    play(false);
    position = Number(scrub.value);
    draw();
  });
  const node = el("div", { class: "player" }, el("div", { class: "print" }, canvas),
    el("div", { class: "player-controls" }, toggle, scrub, speed));
  node.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target === toggle || event.target === speed) return;
    event.preventDefault();
    play(!playing);
  });
  canvas.addEventListener("click", () => play(!playing));
  draw();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play(true);
  return { node, stop: () => play(false) };
}
