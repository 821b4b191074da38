// The page's language and its sentences.
//
// Code names a message; what it says lives in `messages/`.

import { en } from './messages/en';
import { sv } from './messages/sv';

export type Language = 'sv' | 'en';

/** Text in both languages, as the server sends it. */
export interface Text {
  sv?: string;
  en?: string;
}

type Key = keyof typeof sv;
/** Names of messages; one that varies with a number is named without `.one` and `.other`. */
export type MessageKey = Key | (Key extends infer K ? (K extends `${infer Stem}.one` ? Stem : never) : never);

const catalogues: Record<Language, Record<string, string>> = { sv, en };

let current: Language = 'sv';

export function language(): Language {
  return current;
}

export function setLanguage(language: Language): void {
  current = language;
}

/** BCP 47 tag for numbers and dates; both follow Swedish habits of 24 hours and metres. */
export function locale(): string {
  return current === 'sv' ? 'sv-SE' : 'en-GB';
}

/**
 * Returns the message in the page's language with its `{names}` filled in.
 *
 * With a `count`, the form for that number is chosen.
 */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  const catalogue = catalogues[current];
  let name: string = key;
  if (catalogue[name] === undefined && typeof values.count === 'number') {
    name = `${key}.${new Intl.PluralRules(locale()).select(values.count) === 'one' ? 'one' : 'other'}`;
  }
  const message = catalogue[name] ?? key;
  return message.replace(/\{(\w+)\}/g, (hole, word: string) => {
    const value = values[word];
    if (value === undefined) return hole;
    return typeof value === 'number' ? new Intl.NumberFormat(locale()).format(value) : value;
  });
}

/** Returns what a department's code word means to people, else the word itself. */
export function meaning(word: string): string {
  return catalogues[current][`value.${word}`] ?? word;
}

/** Returns the text in the page's language, else in the other one, else `fallback`. */
export function pick(text: Text | undefined, fallback: string): string {
  if (!text) return fallback;
  return (current === 'sv' ? text.sv || text.en : text.en || text.sv) || fallback;
}
