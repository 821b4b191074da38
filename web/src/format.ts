// Values as people read them: numbers, lengths and dates in the page's language.

import { locale, meaning, t } from './i18n';

const DAY_MS = 86_400_000;

/** A number with at most `decimals` digits after the point. */
export function formatNumber(value: number, decimals = 2): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: decimals }).format(value);
}

/** A length in metres, or in kilometres from one kilometre up, rounded to what matters. */
export function formatLength(metres: number): string {
  if (metres >= 1000) return `${formatNumber(metres / 1000, metres >= 10_000 ? 0 : 1)} km`;
  return `${formatNumber(metres, metres < 10 ? 1 : 0)} m`;
}

/** An elevation in metres with two decimals, so that heights line up. */
export function formatHeight(metres: number): string {
  const number = new Intl.NumberFormat(locale(), { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return `${number.format(metres)} m`;
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;
const ISO_INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** Whether the text is a calendar day or a moment in ISO 8601. */
export function isDate(text: string): boolean {
  return ISO_DATE.test(text) || ISO_INSTANT.test(text);
}

/** The calendar day as days since 1970, in local time for moments. */
export function dayNumber(text: string): number {
  const date = ISO_DATE.test(text) ? new Date(`${text}T00:00:00Z`) : localMidnightAsUtc(new Date(text));
  return Math.round(date.getTime() / DAY_MS);
}

/** Today as days since 1970. */
export function todayNumber(now: Date): number {
  return Math.round(localMidnightAsUtc(now).getTime() / DAY_MS);
}

function localMidnightAsUtc(date: Date): Date {
  return new Date(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()));
}

/** `3 maj 2026`. */
export function formatDay(day: number): string {
  return new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(day * DAY_MS);
}

/** `5–20 januari 2027`: what two days have in common is said once. */
export function formatPeriod(from: number, to: number): string {
  return new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).formatRange(from * DAY_MS, to * DAY_MS);
}

/** `om 12 dagar`, `för 3 månader sedan`; days up to two months, months up to two years, then years. */
export function formatRelative(day: number, today: number): string {
  const days = day - today;
  if (days === 0) return t('time.today');
  if (days === 1) return t('time.tomorrow');
  if (days === -1) return t('time.yesterday');
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: 'always' });
  if (Math.abs(days) <= 60) return relative.format(days, 'day');
  if (Math.abs(days) <= 730) return relative.format(Math.round(days / 30.44), 'month');
  return relative.format(Math.round(days / 365.25), 'year');
}

/** `3 maj 2026 (om 12 dagar)`. */
export function formatDate(text: string, now: Date): string {
  const day = dayNumber(text);
  if (!Number.isFinite(day)) return text;
  return t('time.date_relative', { date: formatDay(day), relative: formatRelative(day, todayNumber(now)) });
}

/** Any attribute value with its unit; years and other plain numbers stay without separators. */
export function formatValue(value: unknown, unit: string | undefined, now: Date): string {
  const withUnit = (text: string) => (unit ? `${text} ${unit}` : text);
  if (typeof value === 'number') {
    // A year or an identifier is a name written in digits, not an amount.
    if (Number.isInteger(value) && (unit === undefined || unit === '') && value >= 1000 && value <= 9999) return String(value);
    return withUnit(formatNumber(value));
  }
  if (typeof value === 'boolean') return t(value ? 'answer.yes' : 'answer.no');
  if (typeof value === 'string') {
    if (isDate(value)) return formatDate(value, now);
    return withUnit(meaning(value));
  }
  return JSON.stringify(value);
}
