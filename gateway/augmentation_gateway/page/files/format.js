// Numbers and times for people.

const NUMBER = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const number = (value) => NUMBER.format(value);
export const moment = (text) => MOMENT.format(new Date(text));
export const clock = (text) => CLOCK.format(new Date(text));

/** 75 → "1m 15s": the two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [d, h, m, s] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d) return h ? `${d}d ${h}h` : `${d}d`;
  if (h) return m ? `${h}h ${m}m` : `${h}h`;
  if (m) return s ? `${m}m ${s}s` : `${m}m`;
  return `${s}s`;
}

/** 1.2 → "1.20", 0.00314 → "0.0031": less than a cent in two digits, as it is not free. */
export function price(value) {
  if (value === 0 || value >= 0.01) return value.toFixed(2);
  return value >= 0.0001 ? String(Number(value.toPrecision(2))) : "<0.0001";
}

/** How long ago, in one unit, as kubectl prints an age. */
export function age(text, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - new Date(text)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

/** 1536 → "1.5 KiB". */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A count with its noun: plural(1, "job") → "1 job". */
export const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Seconds between two times; up to now where the second is not there. */
export const between = (from, to) => (new Date(to ?? Date.now()) - new Date(from)) / 1000;

/** Update every `<time data-age>` of the page once per second. */
export function tickAges() {
  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now();
    for (const each of document.querySelectorAll("time[data-age]")) {
      const text = age(each.dateTime, now);
      if (each.textContent !== text) each.textContent = text;
    }
  }, 1000);
}
