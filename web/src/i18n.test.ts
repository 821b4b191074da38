import { beforeEach, describe, expect, it } from 'vitest';
import { meaning, pick, setLanguage, t } from './i18n';
import { en } from './messages/en';
import { sv } from './messages/sv';

const holes = (message: string) => [...message.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe('the message catalogue', () => {
  beforeEach(() => setLanguage('sv'));

  it('says everything in both languages', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(sv).sort());
    for (const [key, message] of [...Object.entries(sv), ...Object.entries(en)]) expect(message.trim(), key).not.toBe('');
  });

  it('fills in the same words in both languages', () => {
    for (const key of Object.keys(sv) as (keyof typeof sv)[]) expect(holes(en[key]), key).toEqual(holes(sv[key]));
  });

  it('has a form for one and one for several wherever it has one of them', () => {
    for (const key of Object.keys(sv)) {
      const stem = /^(.*)\.(one|other)$/.exec(key)?.[1];
      if (stem) expect(Object.keys(sv), key).toEqual(expect.arrayContaining([`${stem}.one`, `${stem}.other`]));
    }
  });

  it('chooses the form for a number', () => {
    expect(t('answer.more_facts', { count: 1 })).toBe('Visa 1 uppgift till');
    expect(t('answer.more_facts', { count: 3 })).toBe('Visa 3 uppgifter till');
    setLanguage('en');
    expect(t('answer.more_facts', { count: 1 })).toBe('Show 1 more fact');
  });

  it('writes numbers as the language does', () => {
    expect(t('answer.more_facts', { count: 1234 })).toBe('Visa 1\u00a0234 uppgifter till');
  });

  it('falls back to the other language rather than to nothing', () => {
    expect(pick({ sv: 'Vägnät' }, 'road_links')).toBe('Vägnät');
    setLanguage('en');
    expect(pick({ sv: 'Vägnät', en: '' }, 'road_links')).toBe('Vägnät');
    expect(pick(undefined, 'road_links')).toBe('road_links');
  });

  it('leaves a word that it does not know as the department wrote it', () => {
    expect(meaning('pagar')).toBe('pågår');
    expect(meaning('gatsten')).toBe('gatsten');
  });
});
