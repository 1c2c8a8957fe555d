/** Client of the server's API: the session token, errors with codes, jobs that are polled and can be cancelled. */

export class ApiError extends Error {
  constructor(status, { code = "unknown", message = "", values = {} } = {}) {
    super(message);
    Object.assign(this, { status, code, values });
  }
}

let token = "";

async function request(method, path, body, { signal, raw = false, retried = false } = {}) {
  const headers = method === "GET" ? {} : { "X-Studio-Token": token };
  if (body !== undefined && !raw) headers["Content-Type"] = "application/json";
  if (raw) headers["Content-Type"] = "application/octet-stream";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: raw || body === undefined ? body : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "offline", message: "The studio does not answer." });
  }
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const answer = isJson ? await response.json() : null;
  if (response.ok) return answer;
  if (response.status === 401 && method !== "GET" && !retried) {
    // The server was restarted: its sessions are new.
    await openSession();
    return request(method, path, body, { signal, raw, retried: true });
  }
  throw new ApiError(response.status, answer?.error ?? { message: `HTTP ${response.status}` });
}

/** Return `/api/studio`, and keep its token for later requests. */
export async function openSession() {
  const studio = await request("GET", "/api/studio");
  token = studio.token;
  return studio;
}

export const get = (path, options) => request("GET", path, undefined, options);
export const post = (path, body = {}, options) => request("POST", path, body, options);
export const remove = (path, options) => request("DELETE", path, undefined, options);

export const upload = (file, options) =>
  request("POST", `/api/uploads?name=${encodeURIComponent(file.name || "file")}`, file, { ...options, raw: true });

/**
 * Poll the job at `path` until it ends, and return its result.
 *
 * `progress(job)` is called after each answer. Abort `signal` to cancel the job: an AbortError is thrown.
 */
export async function follow(path, { progress = () => {}, signal } = {}) {
  let wait = 0;
  for (;;) {
    if (signal?.aborted) {
      await remove(path).catch(() => {});
      throw new DOMException("cancelled", "AbortError");
    }
    let job;
    try {
      job = await get(`${path}?wait=${wait}`, { signal });
    } catch (error) {
      if (error.name === "AbortError") continue;
      throw error;
    }
    wait = 1;
    progress(job);
    if (job.state === "done") return job.result;
    if (job.state === "failed") throw new ApiError(0, job.error ?? {});
    if (job.state === "cancelled") throw new DOMException("cancelled", "AbortError");
  }
}

/** Start a job of the worker, and return its result; options as of `follow`. */
export async function runJob(body, options) {
  const { job } = await post("/api/jobs", body);
  return follow(`/api/jobs/${encodeURIComponent(job.id ?? job)}`, options);
}
