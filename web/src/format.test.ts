import { beforeEach, describe, expect, it } from 'vitest';
import { dayNumber, formatDate, formatHeight, formatLength, formatPeriod, formatValue } from './format';
import { setLanguage } from './i18n';

const NOW = new Date(2026, 3, 21, 14, 30);

describe('values as people read them', () => {
  beforeEach(() => setLanguage('sv'));

  it('tells a day and how far off it is', () => {
    expect(formatDate('2026-05-03', NOW)).toBe('3 maj 2026 (om 12 dagar)');
    expect(formatDate('2026-04-21', NOW)).toBe('21 april 2026 (i dag)');
    expect(formatDate('2026-04-20', NOW)).toBe('20 april 2026 (i går)');
    expect(formatDate('2019-06-01', NOW)).toBe('1 juni 2019 (för 7 år sedan)');
    setLanguage('en');
    expect(formatDate('2026-05-03', NOW)).toBe('3 May 2026 (in 12 days)');
  });

  it('says once what two days have in common', () => {
    expect(formatPeriod(dayNumber('2027-01-05'), dayNumber('2027-01-20'))).toBe('5–20 januari 2027');
  });

  it('writes heights with two decimals and a comma in Swedish', () => {
    expect(formatHeight(12.3)).toBe('12,30 m');
    expect(formatHeight(-0.456)).toBe('\u22120,46 m');
    setLanguage('en');
    expect(formatHeight(12.3)).toBe('12.30 m');
  });

  it('writes lengths with the digits that matter', () => {
    expect(formatLength(3.14159)).toBe('3,1 m');
    expect(formatLength(132.4)).toBe('132 m');
    expect(formatLength(1849)).toBe('1,8 km');
  });

  it('does not split a year', () => {
    expect(formatValue(1998, undefined, NOW)).toBe('1998');
    expect(formatValue(7980, 'm²', NOW)).toBe('7\u00a0980 m²');
    expect(formatValue(true, undefined, NOW)).toBe('ja');
  });
});
