// The layers of the style, grouped as people look for them: by department.

import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { CollectionInfo } from './api';
import { NEUTRAL_COLOUR, titleOf } from './card-model';
import { pick, t } from './i18n';
import type { ViewState } from './url-state';

/** A collection, or its thematic part, that can be switched on and off. */
export interface LayerEntry {
  /** Its name in the address: the collection, with `.base` where the collection is also a thematic layer. */
  key: string;
  collection: string;
  title: string;
  colour: string;
  /** Ids of its layers in the style. */
  styleLayers: string[];
  shownAtFirst: boolean;
  synthetic: boolean;
  minZoom: number;
  ramp: Ramp | null;
}

export interface Ramp {
  attribute: string;
  worst: number;
  best: number;
  colours?: string[];
}

export interface LayerGroup {
  id: string;
  title: string;
  colour: string;
  kind: 'department' | 'terrain' | 'base';
  entries: LayerEntry[];
}

interface Metadata {
  'tvilling:collection'?: string;
  'tvilling:department'?: string;
  'tvilling:thematic'?: boolean;
  'tvilling:role'?: string;
  'tvilling:ramp'?: Ramp;
}

export function metadataOf(layer: LayerSpecification): Metadata {
  return (layer.metadata ?? {}) as Metadata;
}

/** Whether a layer draws relief. */
export function isHillshade(layer: LayerSpecification): boolean {
  return layer.type === 'hillshade' || layer.type === 'raster';
}

/**
 * Departments in the order of `/collections`, then terrain, then the base map.
 *
 * `rampTitle` names the attribute that colours a collection.
 */
export function groupLayers(style: StyleSpecification, collections: CollectionInfo[], rampTitle: (collection: string, attribute: string) => string): LayerGroup[] {
  const departments = new Map<string, LayerGroup>();
  const terrain: LayerGroup = { id: 'terrain', title: t('layers.terrain_group'), colour: NEUTRAL_COLOUR, kind: 'terrain', entries: [] };
  const base: LayerGroup = { id: 'base', title: t('layers.base_group'), colour: NEUTRAL_COLOUR, kind: 'base', entries: [] };
  const known = { collections: new Map(collections.map((info) => [info.id, info])) };
  for (const info of collections) {
    const own = style.layers.filter((layer) => metadataOf(layer)['tvilling:collection'] === info.id);
    const thematic = own.filter((layer) => metadataOf(layer)['tvilling:thematic'] === true);
    const plain = own.filter((layer) => !thematic.includes(layer));
    const title = titleOf(info.id, known);
    const relief = plain.some(isHillshade);
    if (plain.length > 0) {
      const key = thematic.length > 0 ? `${info.id}.base` : info.id;
      (relief ? terrain : base).entries.push(entryOf(key, info, relief ? t('layers.hillshade', { survey: title }) : title, plain));
    }
    if (thematic.length > 0) {
      const entry = entryOf(info.id, info, title, thematic);
      if (entry.ramp) entry.title = t('layers.ramp', { layer: title, attribute: rampTitle(info.id, entry.ramp.attribute) });
      groupOf(departments, info['tvilling:department'], entry.colour).entries.push(entry);
    }
  }
  return [...departments.values(), terrain, base].filter((group) => group.entries.length > 0);
}

function entryOf(key: string, info: CollectionInfo, title: string, layers: LayerSpecification[]): LayerEntry {
  return {
    key,
    collection: info.id,
    title,
    colour: info['tvilling:department']?.colour ?? NEUTRAL_COLOUR,
    styleLayers: layers.map((layer) => layer.id),
    shownAtFirst: layers.some((layer) => layer.layout?.visibility !== 'none'),
    synthetic: info['tvilling:synthetic'] === true,
    minZoom: Math.min(...layers.map((layer) => layer.minzoom ?? 0)),
    ramp: layers.map((layer) => metadataOf(layer)['tvilling:ramp']).find((ramp) => ramp !== undefined) ?? null,
  };
}

function groupOf(groups: Map<string, LayerGroup>, department: CollectionInfo['tvilling:department'], colour: string): LayerGroup {
  const id = department?.id ?? '';
  let group = groups.get(id);
  if (!group) {
    group = { id, title: pick(department?.title, id || t('layers.no_department')), colour, kind: 'department', entries: [] };
    groups.set(id, group);
  }
  return group;
}

/** A survey narrower than this share of the widest would end in the middle of the map. */
const WIDE_ENOUGH = 0.6;

/** Shows one relief at first: the newest of those surveys that cover what there is to cover. */
export function withBestRelief(style: StyleSpecification, surveys: CollectionInfo[]): StyleSpecification {
  const width = (info: CollectionInfo) => {
    const box = info.extent?.spatial?.bbox?.[0];
    return box ? (box[box.length / 2] ?? 0) - (box[0] ?? 0) : 0;
  };
  const year = (info: CollectionInfo) => info['tvilling:flown']?.slice(0, 4) ?? '';
  const widest = Math.max(0, ...surveys.map(width));
  const [best] = surveys.filter((info) => width(info) >= WIDE_ENOUGH * widest).sort((a, b) => year(b).localeCompare(year(a)) || width(b) - width(a));
  const layers = style.layers.map((layer) => {
    if (!isHillshade(layer) || !best) return layer;
    const visibility = metadataOf(layer)['tvilling:collection'] === best.id ? ('visible' as const) : ('none' as const);
    return { ...layer, layout: { ...layer.layout, visibility } } as LayerSpecification;
  });
  return { ...style, layers };
}

/** Whether a layer shows, by its default and what the reader changed. */
export function isShown(entry: LayerEntry, state: Pick<ViewState, 'on' | 'off'>): boolean {
  return entry.shownAtFirst ? !state.off.includes(entry.key) : state.on.includes(entry.key);
}

/** Returns the lists of changes after switching a layer. */
export function withShown(entry: LayerEntry, shown: boolean, state: Pick<ViewState, 'on' | 'off'>): Pick<ViewState, 'on' | 'off'> {
  const without = (list: string[]) => list.filter((id) => id !== entry.key);
  const on = without(state.on);
  const off = without(state.off);
  if (shown && !entry.shownAtFirst) on.push(entry.key);
  if (!shown && entry.shownAtFirst) off.push(entry.key);
  return { on, off };
}
