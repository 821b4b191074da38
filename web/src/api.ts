// What the server sends, and the one place that asks it.

import { t, type Text } from './i18n';

export interface Department {
  id: string;
  title?: Text;
  colour?: string;
}

/** A collection or survey in `/collections`. */
export interface CollectionInfo {
  id: string;
  title?: string;
  extent?: { spatial?: { bbox?: number[][] } };
  'tvilling:title'?: Text;
  'tvilling:department'?: Department;
  'tvilling:synthetic'?: boolean;
  'tvilling:kind'?: 'features' | 'survey';
  /** Attribute that names a feature for people. */
  'tvilling:label'?: string;
  /** First day of the flight of a survey. */
  'tvilling:flown'?: string;
  /** CRS of the twin, as an OGC address that ends in its code. */
  storageCrs?: string;
}

/** An attribute in `/collections/ID/schema`. */
export interface AttributeInfo {
  title?: string;
  type?: string;
  format?: string;
  'tvilling:title'?: Text;
  'x-ogc-unit'?: string;
  'x-ogc-role'?: string;
}

export interface SchemaInfo {
  properties?: Record<string, AttributeInfo>;
  'tvilling:label'?: string;
}

export interface SourceInfo {
  files?: string[];
  delivered?: string;
}

/** A feature or a table row in an answer. */
export interface AnswerFeature {
  id?: number | string;
  collection?: string;
  properties?: Record<string, unknown>;
  geometry?: GeoJSON.Geometry | null;
  distance_m?: number;
  source?: SourceInfo | string;
  as_of?: string;
  related?: Record<string, AnswerFeature[] | RelatedAnswer>;
}

/** A relation that also says how many there are in all. */
export interface RelatedAnswer {
  collection?: string;
  features?: AnswerFeature[];
  matched?: number;
}

export interface CollectionAnswer {
  id: string;
  title?: string;
  department?: string | Department | null;
  features: AnswerFeature[];
}

export interface Elevation {
  ground?: number | null;
  surface?: number | null;
  datum?: string | { name?: string; code?: string } | null;
  survey?: string;
  flown?: string | null;
}

export interface Answer {
  at: { lon: number; lat: number; crs?: string; coords?: number[] };
  elevation?: Elevation | null;
  collections: CollectionAnswer[];
  left_out?: { part: string; reason: string }[];
  took_ms?: number;
}

/** Something went wrong, in words for the reader. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly status: number | null,
  ) {
    super(message);
  }
}

const KEY_NAME = 'tvilling-key';
let key: string | null = readKey();

function readKey(): string | null {
  try {
    return sessionStorage.getItem(KEY_NAME);
  } catch {
    return null; // Storage can be forbidden; the key then lives as long as the page.
  }
}

export function staffKey(): string | null {
  return key;
}

export function setStaffKey(next: string | null): void {
  key = next;
  try {
    if (next === null) sessionStorage.removeItem(KEY_NAME);
    else sessionStorage.setItem(KEY_NAME, next);
  } catch {
    // As above.
  }
}

/** Returns the absolute address of a path of the server that serves this page. */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ''), new URL('./', document.baseURI)).href;
}

/** Headers that show who asks, for addresses of our own server only: a key is never sent elsewhere. */
export function headersFor(url: string, withKey: string | null = key): Record<string, string> {
  const own = new URL(url, document.baseURI).origin === location.origin;
  return own && withKey ? { Authorization: `Bearer ${withKey}` } : {};
}

/** Fetches JSON; every failure is a {@link Failure} that says what to do. */
export async function getJson<T>(path: string, options: { signal?: AbortSignal; key?: string | null } = {}): Promise<T> {
  const url = address(path);
  const shown = options.key === undefined ? key : options.key;
  let response: Response;
  try {
    response = await fetch(url, { signal: options.signal, headers: { Accept: 'application/json', ...headersFor(url, shown) } });
  } catch (cause) {
    if ((cause as Error).name === 'AbortError') throw cause;
    throw new Failure(t('error.network'), null);
  }
  if (!response.ok) throw new Failure(await reasonOf(response), response.status);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if ((cause as Error).name === 'AbortError') throw cause;
    throw new Failure(t('error.network'), response.status);
  }
}

async function reasonOf(response: Response): Promise<string> {
  if (response.status === 401 || response.status === 403) return t('error.unauthorised');
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null;
  // A problem document (RFC 9457) says what was wrong with the question.
  if (problem?.detail && response.status < 500) return t('error.detail', { detail: problem.detail });
  return t('error.status', { status: String(response.status) });
}

/** Answers about attributes by collection: each is asked for once. */
const schemas = new Map<string, Promise<SchemaInfo>>();

export function schemaOf(collection: string): Promise<SchemaInfo> {
  let schema = schemas.get(collection);
  if (!schema) {
    // A card without titles is better than no card: attributes then go by their own names.
    schema = getJson<SchemaInfo>(`collections/${encodeURIComponent(collection)}/schema`).catch(() => {
      schemas.delete(collection);
      return {};
    });
    schemas.set(collection, schema);
  }
  return schema;
}

/** Forgets what was fetched under another key. */
export function forgetSchemas(): void {
  schemas.clear();
}
