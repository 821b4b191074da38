import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer, AnswerFeature, CollectionInfo, SchemaInfo } from './api';
import { cardFrom, collectionsIn, conditionOf, overlapsOf, type Context } from './card-model';
import { setLanguage } from './i18n';

const square = (sideDeg: number): GeoJSON.Geometry => ({
  type: 'Polygon',
  coordinates: [[[17, 62], [17 + sideDeg, 62], [17 + sideDeg, 62 + sideDeg], [17, 62 + sideDeg], [17, 62]]],
});

const road: AnswerFeature = {
  id: 1,
  distance_m: 1.2,
  geometry: { type: 'LineString', coordinates: [[17, 62], [17, 62.002]] },
  properties: { link_id: 'L0001', gatunamn: 'Storgatan', tillstand: 41.5, klass: 'huvudgata', bredd_m: 7.5, belagd_ar: 1998, inspekterad: '2026-05-03', hastighet: 50, langd_m: 200, bro: null, data_origin: 'synthetic', generator: 'x' },
  source: { files: ['gata.gpkg'], delivered: '2026-04-20T12:00:00Z' },
  related: {
    signs: [
      { id: 2, properties: { typ: 'B2', text: 'STOP', matt_m: 190, sida: 'vänster' } },
      { id: 3, properties: { typ: 'C31-5', text: '50', matt_m: 12.5, sida: 'höger' } },
    ],
    planned_works: [
      { id: 4, properties: { rubrik: 'Fiber', fran: '2026-06-01', till: '2026-07-10' } },
      { id: 5, properties: { rubrik: 'Vatten', fran: '2026-04-13', till: '2026-06-05' } },
    ],
    traffic_counts: [
      { id: 6, properties: { matpunkt: 'M1', dagtyp: 'vardag', timme: 8, fordon: 400 } },
      { id: 7, properties: { matpunkt: 'M1', dagtyp: 'helg', timme: 8, fordon: 90 } },
      { id: 8, properties: { matpunkt: 'M2', dagtyp: 'vardag', timme: 8, fordon: 7 } },
    ],
    road_inspections: [
      { id: 9, properties: { datum: '2019-05-03', tillstand: 70 } },
      { id: 10, properties: { datum: '2025-05-03', tillstand: 41.5, anmarkning: 'Sprickor' } },
    ],
  },
};

const answer: Answer = {
  at: { lon: 17.0001, lat: 62.001 },
  elevation: { ground: 12.345, surface: 12.4, datum: 'RH2000 height (EPSG:5613)', survey: 'drone_2026', flown: '2026-05-14' },
  collections: [
    { id: 'parcels', department: 'fastighet', features: [{ id: 7, distance_m: 0, geometry: square(0.004), properties: { beteckning: 'KVARNEN 3' } }] },
    { id: 'buildings', department: 'fastighet', features: [{ id: 8, distance_m: 3, geometry: square(0.0001), properties: { andamal: 'bostad' } }] },
    { id: 'road_links', department: 'gata', features: [road] },
  ],
  left_out: [{ part: 'elevation', reason: 'no survey' }],
};

const context: Context = {
  collections: new Map<string, CollectionInfo>([
    ['road_links', { id: 'road_links', 'tvilling:title': { sv: 'Vägnät', en: 'Road network' }, 'tvilling:department': { id: 'gata', title: { sv: 'Gata', en: 'Streets' }, colour: '#d55e00' } }],
    ['drone_2026', { id: 'drone_2026', title: 'Drönare 2026' }],
  ]),
  schemas: new Map<string, SchemaInfo>([
    ['road_links', { 'tvilling:label': 'gatunamn', properties: { gatunamn: {}, tillstand: { 'tvilling:title': { sv: 'Tillstånd', en: 'Condition' } }, hastighet: { title: 'Hastighet', 'x-ogc-unit': 'km/h' } } }],
  ]),
  now: new Date(2026, 3, 21),
};

describe('the card of an answer', () => {
  beforeEach(() => setLanguage('sv'));
  const card = () => cardFrom(answer, context);
  const streets = () => card().departments[0]!.features[0]!;

  it('is named after what was most likely meant: the road under the pointer, not the parcel around it', () => {
    expect(card().title).toBe('Storgatan');
    expect(card().departments.map((department) => department.id)).toEqual(['gata', 'fastighet']);
  });

  it('shows a house before the parcel that it stands on', () => {
    expect(card().departments[1]!.features.map((feature) => feature.collection)).toEqual(['buildings', 'parcels']);
  });

  it('says where along the road, in the length that the department gives it', () => {
    expect(card().subtitle).toBe('Vägnät · 100 m från länkens början, höger sida');
  });

  it('tells the height of the ground, its datum, survey and flight', () => {
    expect(card().ground).toBe('Marken ligger på 12,35 m');
    expect(card().groundSource).toBe('RH 2000, ur Drönare 2026, flugen 14 maj 2026');
  });

  it('puts facts in the order of the schema, folds the seventh, and leaves out what is empty or technical', () => {
    const { facts, moreFacts } = streets();
    expect(facts).toHaveLength(6);
    expect(facts.slice(0, 2).map((fact) => [fact.label, fact.value])).toEqual([['Tillstånd', 'Slitet, 42 av 100'], ['Hastighet', '50 km/h']]);
    const names = [...facts, ...moreFacts].map((fact) => fact.name);
    for (const absent of ['gatunamn', 'bro', 'data_origin', 'generator']) expect(names).not.toContain(absent);
  });

  it('has a badge where data are made up', () => {
    expect(card().synthetic).toBe(true);
    expect(streets().origin).toBe('synthetic');
    expect(card().departments[1]!.origin).toBeNull();
  });

  it('names the source and the delivery', () => {
    expect(streets().source).toBe('Källa: gata.gpkg. Levererad 20 april 2026 (i går).');
  });

  it('shows works, signs, traffic and inspections each in their own way', () => {
    expect(streets().related.map((related) => related.kind)).toEqual(['works', 'signs', 'traffic', 'history']);
  });

  it('orders signs along the road and knows their side', () => {
    const signs = streets().related.find((related) => related.kind === 'signs')!;
    expect(signs.marks.map((mark) => [mark.type, mark.side])).toEqual([['C31-5', 'right'], ['B2', 'left']]);
    expect(signs.lengthM).toBe(200);
  });

  it('does not add up two counters on one road', () => {
    const traffic = streets().related.find((related) => related.kind === 'traffic')!;
    expect([traffic.weekday[8], traffic.weekend[8]]).toEqual([400, 90]);
  });

  it('finds works that go on at the same time', () => {
    const works = streets().related.find((related) => related.kind === 'works')!;
    expect(works.works.map((work) => work.name)).toEqual(['Vatten', 'Fiber']);
    expect(works.overlaps).toHaveLength(1);
    expect(works.overlaps[0]!.to - works.overlaps[0]!.from).toBe(4);
  });

  it('does not call it an overlap when one work begins the day after the other', () => {
    expect(overlapsOf([{ name: 'a', from: 1, to: 5 }, { name: 'b', from: 6, to: 9 }])).toEqual([]);
    expect(overlapsOf([{ name: 'a', from: 1, to: 5 }, { name: 'b', from: 5, to: 9 }])).toHaveLength(1);
  });

  it('says what is missing', () => {
    expect(card().leftOut).toBe('Det här saknas i svaret: höjd (no survey).');
  });

  it('asks for the attributes of related collections too', () => {
    expect(collectionsIn(answer)).toEqual(['parcels', 'buildings', 'road_links', 'signs', 'planned_works', 'traffic_counts', 'road_inspections']);
  });

  it('asks for no collection that a relation does not lead to', () => {
    const alone: Answer = { at: answer.at, collections: [{ id: 'road_links', features: [{ id: 1, related: { inspections: [] } }] }] };
    expect(collectionsIn(alone)).toEqual(['road_links']);
  });

  it('stands even when nothing is known', () => {
    const empty = cardFrom({ at: { lon: 17, lat: 62 }, collections: [] }, context);
    expect(empty.departments).toEqual([]);
    expect(empty.ground).toBeNull();
    expect(empty.title).toBe('Plats på kartan');
  });
});

it('a condition is a word, a number and a share', () => {
  setLanguage('sv');
  expect([100, 74, 49, 0].map((value) => conditionOf(value).word)).toEqual(['Bra', 'Godtagbart', 'Slitet', 'Dåligt']);
  expect(conditionOf(140).share).toBe(1);
});
