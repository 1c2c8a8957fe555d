/** Data of one run, kept up to date by server-sent events while it is in training. */

/**
 * A run's details and scalars. `state` is `live`, `reconnecting` or `ended`; `changed(what)` is called after each change
 * with `details`, `scalars`, `sheets` or `state`.
 */
export class RunFeed {
  details = null;
  scalars = {};
  state = "ended";
  #api;
  #changed;
  #path;
  #position = null; // of the log, up to which the scalars are known
  #source = null;

  constructor(id, label, api, changed) {
    this.id = id;
    this.label = label;
    this.#path = `/api/runs/${encodeURIComponent(id)}`;
    this.#api = api;
    this.#changed = changed;
  }

  async load() {
    const [details, scalars] = await Promise.all([this.#api.get(this.#path), this.#api.get(`${this.#path}/scalars`)]);
    this.details = details;
    this.scalars = scalars.series;
    this.#position = scalars.position;
  }

  /** Follow the run while it is in training; a finished one needs no connection. */
  open() {
    this.close();
    if (this.details.status !== "running") return;
    const source = new EventSource(`${this.#path}/live?position=${encodeURIComponent(this.#position)}`);
    this.#source = source;
    const on = (name, act) => source.addEventListener(name, ({ data }) => act(JSON.parse(data)));
    on("scalars", (found) => this.#append(found));
    on("sheet", (sheet) => this.#addSheet(sheet));
    on("metrics", (found) => this.#update(found));
    on("status", (found) => {
      this.#update(found);
      if (found.status !== "running") this.#end();
    });
    source.addEventListener("open", () => this.#set("live"));
    source.addEventListener("error", () => this.#set("reconnecting"));
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  /** Read the files that are written at the end of a run, such as the model card. */
  async #end() {
    this.close();
    this.#set("ended");
    await this.load();
    for (const what of ["details", "scalars", "sheets"]) this.#changed(what);
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#changed("state");
  }

  #update(found) {
    Object.assign(this.details, found);
    this.#changed("details");
  }

  #append({ reset, series }) {
    if (reset) this.scalars = {};
    for (const [tag, points] of Object.entries(series)) {
      const known = (this.scalars[tag] ??= []);
      const last = known.at(-1)?.[0] ?? -1;
      known.push(...points.filter(([iteration]) => iteration > last));
    }
    this.#changed("scalars");
  }

  #addSheet(sheet) {
    if (this.details.sheets.some(({ url }) => url === sheet.url)) return;
    this.details.sheets.push(sheet);
    this.#changed("sheets");
  }
}
