// Numbers and times as a person reads them.

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en");
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** 42s, 3m 12s, 2h 05m, 3d 4h. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  const two = (number) => String(number).padStart(2, "0");
  if (days > 0) return `${days}d ${hours % 24}h`;
  if (hours > 0) return `${hours}h ${two(minutes % 60)}m`;
  if (minutes > 0) return `${minutes}m ${two(seconds % 60)}s`;
  return `${seconds}s`;
}

/** The same in one unit: 42s, 3m, 2h, 4d. */
export function brief(milliseconds) {
  return span(milliseconds).split(" ")[0];
}

export function money(dollars) {
  if (!dollars) return "$0";
  if (Math.abs(dollars) < 0.01) return `$${Number(dollars.toPrecision(1))}`;
  if (Math.abs(dollars) < 1000) return `$${dollars.toFixed(2)}`;
  return `$${count(dollars)}`;
}

/** 950, 12.3k, 4.5M. */
export function count(number) {
  return compact.format(number ?? 0).replace("K", "k");
}

/** 1,234. */
export function exact(number) {
  return whole.format(number);
}

/** 820 ms, 8.2 s. */
export function latency(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The time of day, with the date where it is another day. */
export function time(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text ?? "";
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** As many ids are shown as fit on a card: the end, where ids made at the same time differ. */
export function shortId(id) {
  return id.slice(-6);
}

export function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export function plural(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
