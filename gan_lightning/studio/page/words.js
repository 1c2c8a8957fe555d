/** Words of the page in two languages; `t(key, values)` returns a text with its {names} replaced. */

export const LANGUAGES = { en: "English", zh: "中文" };
const STORED = "gan-studio.language";

let words = {};
let language = "en";

export function preferredLanguage() {
  const stored = localStorage.getItem(STORED);
  if (stored in LANGUAGES) return stored;
  return navigator.languages.some((name) => name.toLowerCase().startsWith("zh")) ? "zh" : "en";
}

export async function useLanguage(name) {
  const response = await fetch(`/page/words/${name}.json`);
  if (!response.ok) throw new Error(`words/${name}.json: ${response.status}`);
  words = await response.json();
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-Hans" : name;
}

export function rememberLanguage(name) {
  localStorage.setItem(STORED, name);
}

export const currentLanguage = () => language;
export const hasWord = (key) => Object.hasOwn(words, key);

/** Return the text of a key. A number `n` among the values chooses `key.one` or `key.other` where these exist. */
export function t(key, values = {}) {
  const plural = `${key}.${new Intl.PluralRules(language).select(Number(values.n)) === "one" ? "one" : "other"}`;
  const text = words[key] ?? words[plural] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Return a name of the data, such as `hair_color` or `hat.crown`, in the reader's language, or in words as it is. */
export function dataWord(name) {
  if (hasWord(`data.${name}`)) return t(`data.${name}`);
  if (!/^[\w.-]+$/.test(name)) return name; // a text, not a name
  return name.includes(".") ? name.split(".").map(dataWord).join(" · ") : name.replaceAll("_", " ");
}

/** Return a condition or an edit, such as `hat=crown,glasses=none`, in the reader's language; other texts as they are. */
export function describeCondition(text) {
  if (!text.includes("=")) return dataWord(text);
  return text.split(",").map((part) => part.split("=").map(dataWord).join(t("common.colon"))).join(t("common.comma"));
}

/** Return an error in the reader's language: `error.CODE`, or the message that the server wrote. */
export function describeError(error) {
  const key = `error.${error.code}`;
  if (hasWord(key)) return t(key, { ...error.values, message: error.message });
  return error.message || t("error.unknown");
}

export const formatNumber = (value, digits = 4) =>
  new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value);

export const formatTime = (seconds) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);

export const formatDay = (seconds) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(seconds * 1000);

/** Return a time relative to now, such as "3 minutes ago". */
export function formatAgo(seconds) {
  const past = seconds - Date.now() / 1000;
  const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, length]) => Math.abs(past) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(past / size), unit);
}

/** Return a span of time, such as "17 min 25 s". */
export function formatDuration(seconds) {
  const parts = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  let rest = Math.max(0, Math.round(seconds));
  const found = [];
  for (const [unit, size] of parts) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "second" && !found.length)) {
      found.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(count));
    }
  }
  return found.slice(0, 2).join(" ");
}
