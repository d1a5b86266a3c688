/**
 * The part of ICU message syntax that the catalogue uses: `{name}`, and
 * `{count, plural, =0 {none} one {# camera} other {# cameras}}` and `{kind, select, a {…} other {…}}`, nested.
 * Messages come from our own catalogue; what is wrong in one shows in its test.
 */

export type Values = Readonly<Record<string, string | number>>;

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly name: string }
  | { readonly kind: "count" }
  | { readonly kind: "choice"; readonly name: string; readonly plural: boolean; readonly cases: ReadonlyMap<string, Message> };

export type Message = readonly Part[];

class Reader {
  private place = 0;
  constructor(private readonly source: string) {}

  message(inPlural: boolean): Message {
    const parts: Part[] = [];
    let text = "";
    const flush = (): void => {
      if (text !== "") parts.push({ kind: "text", text });
      text = "";
    };
    while (this.place < this.source.length && this.source[this.place] !== "}") {
      const char = this.source[this.place++] ?? "";
      if (char === "{") {
        flush();
        parts.push(this.argument());
      } else if (char === "#" && inPlural) {
        flush();
        parts.push({ kind: "count" });
      } else text += char;
    }
    flush();
    return parts;
  }

  private argument(): Part {
    const name = this.word(/[^,}]/);
    if (this.take() === "}") return { kind: "value", name };
    const plural = this.word(/[^,}]/) === "plural";
    this.take();
    const cases = new Map<string, Message>();
    for (;;) {
      const label = this.word(/[^{}]/);
      if (this.take() !== "{") break;
      cases.set(label, this.message(plural));
      this.take();
    }
    if (!cases.has("other")) throw new Error("a choice needs the case other: " + this.source);
    return { kind: "choice", name, plural, cases };
  }

  private word(allowed: RegExp): string {
    const start = this.place;
    while (this.place < this.source.length && allowed.test(this.source[this.place] ?? "")) this.place++;
    return this.source.slice(start, this.place).trim();
  }

  private take(): string {
    const char = this.source[this.place++];
    if (char === undefined) throw new Error("a brace is not closed: " + this.source);
    return char;
  }
}

export function parse(source: string): Message {
  return new Reader(source).message(false);
}

/** The message in the words of `locale`. */
export function format(message: Message, values: Values, locale: string, count?: number): string {
  return message.map((part) => formatPart(part, values, locale, count)).join("");
}

function formatPart(part: Part, values: Values, locale: string, count: number | undefined): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "value": {
      const value = values[part.name];
      return typeof value === "number" ? number(value, locale) : (value ?? "");
    }
    case "count":
      return count === undefined ? "#" : number(count, locale);
    case "choice":
      return formatChoice(part, values, locale);
  }
}

function formatChoice(part: Part & { kind: "choice" }, values: Values, locale: string): string {
  const value = values[part.name] ?? "other";
  const amount = typeof value === "number" ? value : Number(value);
  const exact = part.cases.get(part.plural ? "=" + String(value) : String(value));
  const label = part.plural ? pluralRules(locale).select(amount) : "other";
  const chosen = exact ?? part.cases.get(label) ?? part.cases.get("other") ?? [];
  return format(chosen, values, locale, part.plural ? amount : undefined);
}

const numbers = new Map<string, Intl.NumberFormat>();
const plurals = new Map<string, Intl.PluralRules>();

function number(value: number, locale: string): string {
  let format = numbers.get(locale);
  if (!format) numbers.set(locale, (format = new Intl.NumberFormat(locale)));
  return format.format(value);
}

function pluralRules(locale: string): Intl.PluralRules {
  let rules = plurals.get(locale);
  if (!rules) plurals.set(locale, (rules = new Intl.PluralRules(locale)));
  return rules;
}
