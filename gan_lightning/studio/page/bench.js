/** State of the work with one run: settings, samples and earlier seeds. It is kept while other screens are shown. */

const HISTORY = 12;
const benches = new Map();

export class Bench {
  constructor(run) {
    this.run = run;
    this.description = null; // of the job `describe`
    this.settings = { seed: "", n: 16, condition: null, upload: null, truncation: 1, edits: {} };
    this.uploadName = null;
    this.result = null; // {recipe, samples}
    this.kept = new Map(); // items of the gallery by the samples' ids
    this.walk = [null, null]; // its two ends
    this.history = JSON.parse(sessionStorage.getItem(this.stored) ?? "[]");
  }

  get stored() {
    return `gan-studio.seeds.${this.run}`;
  }

  /** Return the body of the job that generates samples as they are set now; `seed` replaces the one that is set. */
  request(seed = this.settings.seed) {
    const { n, condition, upload, truncation, edits } = this.settings;
    const edit = Object.entries(edits).filter(([, strength]) => strength !== 0)
      .map(([name, strength]) => `${name}=${strength > 0 ? "+" : ""}${strength}`).join(",");
    return {
      kind: "samples", run: this.run, seed: seed || null, n, condition, upload,
      truncation: this.description.styles ? truncation : 1, edit: edit || null, weights: null,
    };
  }

  /** Take over the samples of a finished job, and remember the request as one that can be made again. */
  accept(result, request) {
    const { condition, upload } = request; // as they were asked for; a recipe has what the record says about them
    const { recipe } = result;
    this.result = { recipe, samples: result.samples.map((sample) => ({ ...sample, recipe, asked: { condition, upload } })) };
    const entry = { seed: recipe.seed, n: recipe.n, truncation: recipe.truncation, edit: recipe.edit, condition, upload };
    this.history = [{ ...entry, time: Date.now() / 1000 }, ...this.history.filter((other) => other.seed !== entry.seed || other.n !== entry.n)].slice(0, HISTORY);
    sessionStorage.setItem(this.stored, JSON.stringify(this.history));
  }

  /** Set everything as in an earlier request, so that the next samples are the same. */
  restore({ seed, n, condition, truncation, edit, upload = null }) {
    this.settings = { seed, n, condition, upload, truncation: truncation ?? 1, edits: parseEdit(edit) };
  }
}

const parseEdit = (edit) => Object.fromEntries((edit ?? "").split(",").filter(Boolean).map((part) => {
  const at = part.lastIndexOf("=");
  return [part.slice(0, at), Number(part.slice(at + 1))];
}));

export function benchOf(run) {
  if (!benches.has(run)) benches.set(run, new Bench(run));
  return benches.get(run);
}
