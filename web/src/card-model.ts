// From the server's answer to what the card shows: pure, without a page.
//
// A relation is drawn by what its records carry, not by its name: records with
// a measure are signs along a road, records with an hour are traffic, records
// from one day to another are works, records with a day are a history. All
// others are a plain list. `SHAPES` holds the attribute names.

import type { Answer, AnswerFeature, AttributeInfo, CollectionInfo, Department, RelatedAnswer, SchemaInfo, SourceInfo } from './api';
import { dayNumber, formatDate, formatDay, formatHeight, formatLength, formatNumber, formatValue, isDate } from './format';
import { along, sizeM } from './geometry';
import { language, pick, t } from './i18n';

export interface Fact {
  name: string;
  label: string;
  value: string;
  condition?: Condition;
}

export interface Condition {
  word: string;
  number: string;
  /** 0 worst to 1 best. */
  share: number;
  level: 'good' | 'fair' | 'poor' | 'bad';
}

export interface SignMark {
  key: string;
  type: string;
  text: string;
  measureM: number;
  side: 'left' | 'right' | null;
  feature: AnswerFeature;
}

export interface Work {
  key: string;
  name: string;
  from: number;
  to: number;
  facts: Fact[];
  feature: AnswerFeature;
}

export interface WorkOverlap {
  a: string;
  b: string;
  from: number;
  to: number;
}

export type Related =
  | { kind: 'signs'; title: string; collection: string; lengthM: number; hereM: number | null; marks: SignMark[]; matched: number }
  | { kind: 'works'; title: string; collection: string; works: Work[]; overlaps: WorkOverlap[]; matched: number }
  | { kind: 'traffic'; title: string; collection: string; weekday: number[]; weekend: number[]; matched: number }
  | { kind: 'history'; title: string; collection: string; entries: { date: string; condition: Condition | null; remark: string }[]; matched: number }
  | { kind: 'list'; title: string; collection: string; entries: { name: string; facts: Fact[]; feature: AnswerFeature }[]; matched: number };

export interface FeatureCard {
  key: string;
  collection: string;
  collectionTitle: string;
  title: string;
  place: string | null;
  facts: Fact[];
  moreFacts: Fact[];
  related: Related[];
  source: string;
  origin: 'synthetic' | 'derived' | null;
  feature: AnswerFeature;
}

export interface DepartmentCard {
  id: string;
  title: string;
  colour: string;
  features: FeatureCard[];
  origin: 'synthetic' | 'derived' | null;
}

export interface AnswerCard {
  title: string;
  subtitle: string | null;
  ground: string | null;
  groundSource: string | null;
  departments: DepartmentCard[];
  leftOut: string | null;
  synthetic: boolean;
}

/** What a card needs to know beside the answer. */
export interface Context {
  collections: Map<string, CollectionInfo>;
  schemas: Map<string, SchemaInfo>;
  now: Date;
}

/** Attribute names by which related records are recognised. */
const SHAPES = {
  sign: { measure: 'matt_m', side: 'sida', type: 'typ', text: 'text' },
  traffic: { hour: 'timme', count: 'fordon', day: 'dagtyp', weekend: 'helg', station: 'matpunkt' },
  work: { from: 'fran', to: 'till' },
  history: { date: 'datum', remark: 'anmarkning' },
  condition: { name: 'tillstand', best: 100 },
  length: 'langd_m',
};

/** Attributes that say how a feature was made, shown as a badge instead of a fact. */
const ORIGIN = 'data_origin';
const MAKER = 'generator';

/** Facts on a card before the rest folds out. */
const FACTS_SHOWN = 6;

/** A polygon counts as further away by this share of its size, so that the parcel does not win over the road on it. */
const SIZE_SHARE = 0.1;

const NO_DEPARTMENT = '';
export const NEUTRAL_COLOUR = '#44546a';

/** Collections whose schema a card needs. */
export function collectionsIn(answer: Answer): string[] {
  const ids = new Set<string>();
  for (const collection of answer.collections) {
    ids.add(collection.id);
    for (const feature of collection.features) {
      for (const [name, related] of Object.entries(feature.related ?? {})) {
        // A relation that leads nowhere does not say to which collection.
        if (featuresOf(related).length > 0) ids.add(relatedCollection(name, related));
      }
    }
  }
  return [...ids];
}

export function cardFrom(answer: Answer, context: Context): AnswerCard {
  const place: GeoJSON.Position = [answer.at.lon, answer.at.lat];
  const ranked = answer.collections
    .flatMap((collection) => collection.features.map((feature) => ({ collection, feature, rank: (feature.distance_m ?? 0) + SIZE_SHARE * sizeM(feature.geometry) })))
    .sort((a, b) => a.rank - b.rank);
  const departments = new Map<string, DepartmentCard>();
  for (const { collection, feature } of ranked) {
    const info = context.collections.get(collection.id);
    const department = departmentOf(info?.['tvilling:department'] ?? collection.department);
    let card = departments.get(department.id);
    if (!card) {
      card = {
        id: department.id,
        title: pick(department.title, department.id || t('layers.no_department')),
        colour: department.colour ?? NEUTRAL_COLOUR,
        features: [],
        origin: null,
      };
      departments.set(department.id, card);
    }
    const one = featureCard(collection.id, collection.title, feature, place, context);
    card.features.push(one);
    card.origin ??= one.origin;
  }
  const cards = [...departments.values()];
  const first = cards[0]?.features[0];
  const elevation = answer.elevation;
  const ground = elevation?.ground ?? null;
  return {
    title: first ? first.title : t('answer.place'),
    subtitle: first ? [first.title === first.collectionTitle ? null : first.collectionTitle, first.place].filter(Boolean).join(' · ') || null : null,
    ground: ground === null ? null : groundSentence(ground, elevation?.surface ?? null),
    groundSource: ground === null ? null : heightSource(elevation!, context),
    departments: cards,
    leftOut: leftOutSentence(answer, context),
    synthetic: cards.some((card) => card.origin === 'synthetic'),
  };
}

function groundSentence(ground: number, surface: number | null): string {
  const sentence = t('answer.ground', { height: formatHeight(ground) });
  // Half a metre above the ground the surface is something else than grass or noise.
  return surface !== null && surface - ground > 0.5 ? `${sentence}, ${t('answer.surface', { height: formatHeight(surface) })}` : sentence;
}

function heightSource(elevation: NonNullable<Answer['elevation']>, context: Context): string {
  const datum = typeof elevation.datum === 'string' ? elevation.datum : (elevation.datum?.name ?? elevation.datum?.code);
  const values = {
    datum: datumName(datum) ?? t('answer.datum_unknown'),
    survey: elevation.survey ? titleOf(elevation.survey, context) : '–',
  };
  return elevation.flown
    ? t('answer.height_flown', { ...values, date: formatDay(dayNumber(elevation.flown)) })
    : t('answer.height_source', values);
}

/** The name that people use for a vertical datum. */
function datumName(datum: string | undefined): string | undefined {
  if (!datum || datum === 'unknown') return undefined;
  return /RH\s?2000|EPSG:5613/i.test(datum) ? 'RH 2000' : datum;
}

function leftOutSentence(answer: Answer, context: Context): string | null {
  if (!answer.left_out || answer.left_out.length === 0) return null;
  const parts = answer.left_out.map(({ part, reason }) =>
    t('answer.left_out_part', { part: part === 'elevation' ? t('answer.left_out_elevation') : titleOf(part, context), reason }),
  );
  return t('answer.left_out', { parts: new Intl.ListFormat(language()).format(parts) });
}

function departmentOf(department: Department | string | null | undefined): Department {
  if (!department) return { id: NO_DEPARTMENT };
  return typeof department === 'string' ? { id: department } : department;
}

/** A collection's name in the page's language. */
export function titleOf(id: string, context: Pick<Context, 'collections'>): string {
  const info = context.collections.get(id);
  return plainName(pick(info?.['tvilling:title'], info?.title ?? id));
}

/** A name without the remark that its data are made up: a badge says that, once and in full. */
export function plainName(name: string): string {
  return name.replace(/\s*\((syntetisk|synthetic)\)$/i, '');
}

function featureCard(collection: string, title: string | undefined, feature: AnswerFeature, place: GeoJSON.Position, context: Context): FeatureCard {
  const schema = context.schemas.get(collection) ?? {};
  const info = context.collections.get(collection);
  const properties = feature.properties ?? {};
  const collectionTitle = info ? titleOf(collection, context) : plainName(title ?? collection);
  const label = schema['tvilling:label'] ?? info?.['tvilling:label'];
  const named = label === undefined ? undefined : properties[label];
  const facts = factsOf(properties, schema, context, label);
  const position = along(feature.geometry, place);
  const length = properties[SHAPES.length];
  // Our own measure is stretched to the department's length, so that both count alike.
  const stretch = position && typeof length === 'number' && position.lengthM > 0 ? length / position.lengthM : 1;
  return {
    key: `${collection}/${feature.id ?? ''}`,
    collection,
    collectionTitle,
    title: named === undefined || named === null || named === '' ? collectionTitle : String(named),
    place: position
      ? t('answer.along', { measure: formatLength(position.measureM * stretch), side: t(position.side === 'left' ? 'answer.side_left' : 'answer.side_right') })
      : (feature.distance_m ?? 0) >= 1
        ? t('answer.distance', { distance: formatLength(feature.distance_m!) })
        : null,
    facts: facts.slice(0, FACTS_SHOWN),
    moreFacts: facts.slice(FACTS_SHOWN),
    related: relatedOf(feature, position && { hereM: position.measureM * stretch, lengthM: position.lengthM * stretch }, context),
    source: sourceSentence(feature, context.now),
    origin: originOf(properties, info),
    feature,
  };
}

function originOf(properties: Record<string, unknown>, info: CollectionInfo | undefined): 'synthetic' | 'derived' | null {
  const origin = properties[ORIGIN];
  if (origin === 'synthetic' || origin === 'derived') return origin;
  return info?.['tvilling:synthetic'] ? 'synthetic' : null;
}

function sourceSentence(feature: AnswerFeature, now: Date): string {
  const source: SourceInfo = typeof feature.source === 'string' ? { files: [feature.source] } : (feature.source ?? {});
  const sentences: string[] = [];
  if (source.files && source.files.length > 0) sentences.push(t('answer.source', { source: source.files.join(', ') }));
  const delivered = source.delivered ?? feature.as_of;
  if (delivered && isDate(delivered)) sentences.push(t('answer.delivered', { date: formatDate(delivered, now) }));
  return sentences.join(' ');
}

/** Facts in reading order: as the schema lists them, without what is empty, technical or already the title. */
function factsOf(properties: Record<string, unknown>, schema: SchemaInfo, context: Context, skip?: string): Fact[] {
  const listed = Object.keys(schema.properties ?? {});
  const names = [...listed.filter((name) => name in properties), ...Object.keys(properties).filter((name) => !listed.includes(name))];
  return names
    .filter((name) => name !== ORIGIN && name !== MAKER && name !== skip && properties[name] !== null && properties[name] !== '' && typeof properties[name] !== 'object')
    .map((name) => fact(name, properties[name], schema.properties?.[name], context))
    // How something is comes before what it is.
    .sort((a, b) => Number(b.condition !== undefined) - Number(a.condition !== undefined));
}

function fact(name: string, value: unknown, info: AttributeInfo | undefined, context: Context): Fact {
  const label = pick(info?.['tvilling:title'], info?.title ?? name);
  const one: Fact = { name, label, value: formatValue(value, info?.['x-ogc-unit'], context.now) };
  if (name === SHAPES.condition.name && typeof value === 'number') {
    one.condition = conditionOf(value);
    one.value = t('condition.value', { word: one.condition.word, number: one.condition.number, best: SHAPES.condition.best });
  }
  return one;
}

/** The word, number and colour share of a condition from 0 to 100. */
export function conditionOf(value: number): Condition {
  const share = Math.max(0, Math.min(1, value / SHAPES.condition.best));
  const level = share >= 0.75 ? 'good' : share >= 0.5 ? 'fair' : share >= 0.25 ? 'poor' : 'bad';
  return { word: t(`condition.${level}`), number: formatNumber(value, 0), share, level };
}

function featuresOf(related: AnswerFeature[] | RelatedAnswer): AnswerFeature[] {
  return Array.isArray(related) ? related : (related.features ?? []);
}

function relatedCollection(name: string, related: AnswerFeature[] | RelatedAnswer): string {
  return (Array.isArray(related) ? related[0]?.collection : (related.collection ?? related.features?.[0]?.collection)) ?? name;
}

function relatedOf(feature: AnswerFeature, road: { hereM: number; lengthM: number } | null, context: Context): Related[] {
  const all: Related[] = [];
  for (const [name, answer] of Object.entries(feature.related ?? {})) {
    const features = featuresOf(answer);
    if (features.length === 0) continue;
    const collection = relatedCollection(name, answer);
    const matched = (Array.isArray(answer) ? undefined : answer.matched) ?? features.length;
    all.push(relatedView(collection, features, matched, feature, road, context));
  }
  return all.sort((a, b) => RELATED_ORDER.indexOf(a.kind) - RELATED_ORDER.indexOf(b.kind));
}

const RELATED_ORDER: Related['kind'][] = ['works', 'signs', 'traffic', 'history', 'list'];

function relatedView(
  collection: string,
  features: AnswerFeature[],
  matched: number,
  owner: AnswerFeature,
  road: { hereM: number; lengthM: number } | null,
  context: Context,
): Related {
  const has = (name: string) => features.some((feature) => feature.properties?.[name] !== undefined && feature.properties[name] !== null);
  const schema = context.schemas.get(collection) ?? {};
  const title = context.collections.has(collection) ? titleOf(collection, context) : null;
  if (has(SHAPES.sign.measure)) return { kind: 'signs', title: t('related.signs'), collection, matched, ...signs(features, owner, road) };
  if (has(SHAPES.traffic.hour) && has(SHAPES.traffic.count)) return { kind: 'traffic', title: t('related.traffic'), collection, matched, ...traffic(features) };
  if (has(SHAPES.work.from) && has(SHAPES.work.to)) {
    const works = worksOf(features, schema, context);
    return { kind: 'works', title: t('related.works'), collection, matched, works, overlaps: overlapsOf(works) };
  }
  if (has(SHAPES.history.date)) return { kind: 'history', title: title ?? t('related.inspections'), collection, matched, entries: historyOf(features, context) };
  const label = schema['tvilling:label'] ?? context.collections.get(collection)?.['tvilling:label'];
  const entries = features.map((feature) => {
    const properties = feature.properties ?? {};
    const facts = factsOf(properties, schema, context, label);
    return { name: String((label && properties[label]) ?? facts[0]?.value ?? feature.id ?? ''), facts: facts.slice(0, 3), feature };
  });
  return { kind: 'list', title: title ?? collection, collection, matched, entries };
}

function signs(features: AnswerFeature[], owner: AnswerFeature, road: { hereM: number; lengthM: number } | null) {
  const marks = features
    .map((feature, i): SignMark => {
      const p = feature.properties ?? {};
      const side = String(p[SHAPES.sign.side] ?? '').toLowerCase();
      return {
        key: String(feature.id ?? i),
        type: String(p[SHAPES.sign.type] ?? ''),
        text: String(p[SHAPES.sign.text] ?? ''),
        measureM: Number(p[SHAPES.sign.measure] ?? 0),
        side: /^(v|l)/.test(side) ? 'left' : /^(h|r)/.test(side) ? 'right' : null,
        feature,
      };
    })
    .sort((a, b) => a.measureM - b.measureM);
  const given = Number(owner.properties?.[SHAPES.length] ?? road?.lengthM ?? 0);
  return { marks, lengthM: Math.max(given, ...marks.map((mark) => mark.measureM), 1), hereM: road?.hereM ?? null };
}

function traffic(features: AnswerFeature[]) {
  // Several counters on one link are not added up: that would count the same vehicle twice. The first one speaks.
  const station = features[0]?.properties?.[SHAPES.traffic.station];
  const weekday = new Array<number>(24).fill(0);
  const weekend = new Array<number>(24).fill(0);
  for (const { properties = {} } of features) {
    if (properties[SHAPES.traffic.station] !== station) continue;
    const hour = Number(properties[SHAPES.traffic.hour]);
    const count = Number(properties[SHAPES.traffic.count]);
    if (!(hour >= 0 && hour < 24) || !Number.isFinite(count)) continue;
    (properties[SHAPES.traffic.day] === SHAPES.traffic.weekend ? weekend : weekday)[hour] = count;
  }
  return { weekday, weekend };
}

function worksOf(features: AnswerFeature[], schema: SchemaInfo, context: Context): Work[] {
  const label = schema['tvilling:label'] ?? 'rubrik';
  return features
    .map((feature, i): Work => {
      const p = feature.properties ?? {};
      const { from, to } = SHAPES.work;
      const rest = Object.fromEntries(Object.entries(p).filter(([name]) => name !== from && name !== to));
      return {
        key: String(feature.id ?? i),
        name: String(p[label] ?? feature.id ?? ''),
        from: dayNumber(String(p[from] ?? '')),
        to: dayNumber(String(p[to] ?? '')),
        facts: factsOf(rest, schema, context, label),
        feature,
      };
    })
    .filter((work) => Number.isFinite(work.from) && Number.isFinite(work.to))
    .sort((a, b) => a.from - b.from || a.to - b.to);
}

/** Pairs of works that go on at the same time, with the days they share. */
export function overlapsOf(works: Pick<Work, 'name' | 'from' | 'to'>[]): WorkOverlap[] {
  return works.flatMap((a, i) =>
    works
      .slice(i + 1)
      .map((b) => ({ a: a.name, b: b.name, from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }))
      .filter((overlap) => overlap.from <= overlap.to),
  );
}

function historyOf(features: AnswerFeature[], context: Context) {
  return features
    .map(({ properties: p = {} }) => {
      const condition = p[SHAPES.condition.name];
      return {
        day: String(p[SHAPES.history.date] ?? ''),
        condition: typeof condition === 'number' ? conditionOf(condition) : null,
        remark: String(p[SHAPES.history.remark] ?? '') || t('related.no_remark'),
      };
    })
    .sort((a, b) => b.day.localeCompare(a.day))
    .map(({ day, condition, remark }) => ({ date: isDate(day) ? formatDate(day, context.now) : day, condition, remark }));
}
