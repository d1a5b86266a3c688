/** What a person types to say a time: "14:30", "yesterday 9:05", "22.11. 14:30", "2026-11-22 14:30", "10 min ago". */

export interface Asked {
  /** What is left: the name of a camera or a bookmark. */
  readonly text: string;
  /** Milliseconds since 1970, or null where no time was given. */
  readonly at: number | null;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const AGO = /(?:^|\s)(\d{1,4})\s*(s|sec|min|m|h|d)\s+ago\b|(?:^|\s)-(\d{1,4})(s|min|m|h|d)\b/i;
const CLOCK = /(?:^|\s)([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?=\s|$)/;
const ISO_DAY = /(?:^|\s)(\d{4})-(\d{1,2})-(\d{1,2})(?=\s|T|$)/;
const POINT_DAY = /(?:^|\s)(\d{1,2})\.(\d{1,2})\.(\d{4})?(?=\s|$)/;

const UNITS: Readonly<Record<string, number>> = { s: 1_000, sec: 1_000, m: MINUTE, min: MINUTE, h: 60 * MINUTE, d: DAY };

/** `yesterday` is the word for it in the user's language. `offset`: milliseconds by which the shown zone is ahead of UTC. */
export function parseAsked(input: string, now: number, offset: number, yesterday = "yesterday"): Asked {
  const ago = AGO.exec(input);
  if (ago) {
    const amount = Number(ago[1] ?? ago[3]);
    const unit = UNITS[(ago[2] ?? ago[4] ?? "m").toLowerCase()] ?? MINUTE;
    return { text: rest(input, ago), at: now - amount * unit };
  }
  const wall = now + offset;
  let day: number | null = null;
  let text = input;
  const iso = ISO_DAY.exec(text);
  const point = iso ? null : POINT_DAY.exec(text);
  const word = new RegExp(`(?:^|\\s)(?:yesterday|${yesterday.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})(?=\\s|$)`, "i").exec(text);
  if (iso) {
    day = Date.UTC(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]));
    text = rest(text, iso);
  } else if (point) {
    const year = point[3] === undefined ? new Date(wall).getUTCFullYear() : Number(point[3]);
    day = Date.UTC(year, Number(point[2]) - 1, Number(point[1]));
    if (point[3] === undefined && day > wall) day = Date.UTC(year - 1, Number(point[2]) - 1, Number(point[1]));
    text = rest(text, point);
  } else if (word) {
    day = Math.floor(wall / DAY) * DAY - DAY;
    text = rest(text, word);
  }
  const clock = CLOCK.exec(text.replace("T", " "));
  if (!clock) return { text: text.trim(), at: day === null ? null : day - offset };
  text = rest(text, clock);
  const ofDay = ((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3] ?? 0)) * 1_000;
  let at = (day ?? Math.floor(wall / DAY) * DAY) + ofDay - offset;
  // A time that is yet to come today was yesterday's.
  if (day === null && at > now) at -= DAY;
  return { text, at };
}

function rest(text: string, match: RegExpExecArray): string {
  return (text.slice(0, match.index) + " " + text.slice(match.index + match[0].length)).trim();
}

/** How well a name fits what was typed; null where it does not. Smaller is better. */
export function score(name: string, query: string): number | null {
  const [where, what] = [name.toLowerCase(), query.toLowerCase().trim()];
  if (what === "") return 2;
  if (where.startsWith(what)) return 0;
  if (where.includes(" " + what)) return 1;
  if (where.includes(what)) return 2;
  // All words, in any order.
  return what.split(/\s+/).every((word) => where.includes(word)) ? 3 : null;
}
