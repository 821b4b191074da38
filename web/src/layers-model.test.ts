import { beforeEach, describe, expect, it } from 'vitest';
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { CollectionInfo } from './api';
import { setLanguage } from './i18n';
import { groupLayers, isShown, withBestRelief, withShown } from './layers-model';

const layer = (id: string, type: 'fill' | 'line' | 'raster', collection: string, rest: object = {}, visible = true): LayerSpecification =>
  ({ id, type, source: collection, layout: { visibility: visible ? 'visible' : 'none' }, metadata: { 'tvilling:collection': collection, 'tvilling:thematic': false, ...rest } }) as LayerSpecification;

const style: StyleSpecification = {
  version: 8,
  sources: {},
  layers: [
    layer('old', 'raster', 'aerial_2011'),
    layer('new', 'raster', 'drone_2026', {}, false),
    layer('dense', 'raster', 'drone_dense', {}, false),
    layer('casing', 'line', 'roads'),
    layer('condition', 'line', 'roads', { 'tvilling:thematic': true, 'tvilling:ramp': { attribute: 'tillstand', worst: 0, best: 100 } }),
    layer('plans', 'fill', 'plans', { 'tvilling:thematic': true }, false),
  ],
};
const survey = (id: string, flown: string, width: number): CollectionInfo => ({ id, title: `${id} (syntetisk)`, 'tvilling:kind': 'survey', 'tvilling:flown': flown, extent: { spatial: { bbox: [[17, 62, 17 + width, 62.1]] } } });
const surveys = [survey('aerial_2011', '2011-05-01', 1), survey('drone_2026', '2026-05-14', 0.8), survey('drone_dense', '2026-05-15', 0.1)];
const collections: CollectionInfo[] = [
  { id: 'roads', 'tvilling:title': { sv: 'Vägnät (syntetisk)', en: 'Roads (synthetic)' }, 'tvilling:department': { id: 'gata', title: { sv: 'Gata', en: 'Streets' } } },
  { id: 'counts', title: 'Trafik' },
  { id: 'plans', title: 'Planer', 'tvilling:department': { id: 'plan', title: { sv: 'Plan', en: 'Planning' } } },
  ...surveys,
];

describe('the list of layers', () => {
  beforeEach(() => setLanguage('sv'));
  const groups = () => groupLayers(style, collections, (_, attribute) => attribute);

  it('has departments first, then terrain and the base map, and nothing that is not drawn', () => {
    expect(groups().map((group) => [group.title, group.entries.map((entry) => entry.title)])).toEqual([
      ['Gata', ['Vägnät: tillstand']],
      ['Plan', ['Planer']],
      ['Terräng', ['Terrängskuggning: aerial_2011', 'Terrängskuggning: drone_2026', 'Terrängskuggning: drone_dense']],
      ['Grundkarta', ['Vägnät']],
    ]);
  });

  it('switches the colours of a road without the road itself', () => {
    const [coloured] = groups()[0]!.entries;
    const [road] = groups()[3]!.entries;
    expect([coloured!.styleLayers, road!.styleLayers]).toEqual([['condition'], ['casing']]);
    const state = withShown(coloured!, false, { on: [], off: [] });
    expect([isShown(coloured!, state), isShown(road!, state)]).toEqual([false, true]);
  });

  it('keeps only what differs from the defaults', () => {
    const [plans] = groups()[1]!.entries;
    const on = withShown(plans!, true, { on: [], off: [] });
    expect(on).toEqual({ on: ['plans'], off: [] });
    expect(withShown(plans!, false, on)).toEqual({ on: [], off: [] });
  });

  it('shows the relief of the newest survey that does not end in the middle of the map', () => {
    const shown = withBestRelief(style, surveys).layers.filter((one) => one.type === 'raster' && one.layout?.visibility === 'visible');
    expect(shown.map((one) => one.id)).toEqual(['new']);
  });
});
