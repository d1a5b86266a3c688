/**
 * Words and languages. `t("devices.add")` gives the text in the language in use; `en` is the key type, so a key that
 * is not there does not compile. Other languages are loaded when they are chosen.
 */

import { createSignal } from "solid-js";
import { en } from "./en";
import { format, parse, type Message, type Values } from "./icu";

export type Key = keyof typeof en;
export type Catalogue = Readonly<Record<Key, string>>;

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", hi: "हिन्दी", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

const loaders: Record<Exclude<Language, "en">, () => Promise<{ readonly default: Catalogue }>> = {
  de: () => import("./de"),
  es: () => import("./es"),
  fr: () => import("./fr"),
  hi: () => import("./hi"),
  zh: () => import("./zh"),
};

interface Loaded {
  readonly language: Language;
  readonly catalogue: Catalogue;
  readonly parsed: Map<Key, Message>;
}

const english: Loaded = { language: "en", catalogue: en, parsed: new Map() };
const [current, setCurrent] = createSignal<Loaded>(english);

/** The language in use, for Intl. Reading it subscribes. */
export function language(): Language {
  return current().language;
}

/** The locale for Intl: the language in use, of the browser's own country where it speaks it. */
export function locale(): string {
  const tag = navigator.languages.find((one) => one.toLowerCase().startsWith(current().language));
  return tag ?? (current().language === "en" ? "en-GB" : current().language);
}

/** A sentence of the server, which begin in lower case, as it stands alone. */
export function sentence(text: string): string {
  return text.charAt(0).toLocaleUpperCase(locale()) + text.slice(1);
}

/** Switches the language; the old one stays until the new one is there. */
export async function useLanguage(next: Language): Promise<void> {
  const catalogue = next === "en" ? en : (await loaders[next]()).default;
  document.documentElement.lang = next;
  setCurrent({ language: next, catalogue, parsed: new Map() });
}

/** The language that the browser asks for, if it is one of ours. */
export function browserLanguage(): Language {
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag): tag is Language => tag in LANGUAGES) ?? "en";
}

/** The text of a key. Reading it subscribes to the language. */
export function t(key: Key, values: Values = {}): string {
  const { catalogue, language, parsed } = current();
  let message = parsed.get(key);
  if (!message) parsed.set(key, (message = parse(catalogue[key])));
  return format(message, values, language);
}
