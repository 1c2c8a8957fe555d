/** Favourites of this browser. Each has the recipe of its sample, so that it can be generated again at any time. */

const STORED = "gan-studio.favourites";
const MOST = 60;
const THUMBNAIL = 96; // pixels

const read = () => {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? [];
  } catch {
    return [];
  }
};
const write = (all) => localStorage.setItem(STORED, JSON.stringify(all.slice(0, MOST)));

const keyOf = ({ recipe, index }) => JSON.stringify([
  recipe.run, recipe.checkpoint, recipe.seed, recipe.n, index, recipe.condition, recipe.truncation, recipe.edit, recipe.weights,
]);

export const favouritesOf = (run) => read().filter(({ recipe }) => recipe.run === run);
export const isFavourite = (sample) => read().some((other) => keyOf(other) === keyOf(sample));

/** Add a sample {recipe, index, preview, asked} to the favourites, or remove it; return true if it was added. */
export async function toggleFavourite(sample) {
  const all = read();
  const rest = all.filter((other) => keyOf(other) !== keyOf(sample));
  if (rest.length < all.length) {
    write(rest);
    return false;
  }
  const thumbnail = await drawThumbnail(sample.preview);
  write([{ recipe: sample.recipe, index: sample.index, asked: sample.asked, thumbnail }, ...read()]);
  return true;
}

async function drawThumbnail(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = Math.min(1, THUMBNAIL / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
