// The layers of the style, grouped as people look for them: by department.

import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { CollectionInfo } from './api';
import { NEUTRAL_COLOUR } from './card-model';
import { pick, t, type Text } from './i18n';
import type { ViewState } from './url-state';

/** A collection that can be switched on and off. */
export interface LayerEntry {
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

/** Departments in the order of `/collections`, then terrain, then the base map. */
export function groupLayers(style: StyleSpecification, collections: CollectionInfo[]): LayerGroup[] {
  const departments = new Map<string, LayerGroup>();
  const terrain: LayerGroup = { id: 'terrain', title: t('layers.terrain_group'), colour: NEUTRAL_COLOUR, kind: 'terrain', entries: [] };
  const base: LayerGroup = { id: 'base', title: t('layers.base_group'), colour: NEUTRAL_COLOUR, kind: 'base', entries: [] };
  for (const info of collections) {
    const layers = style.layers.filter((layer) => metadataOf(layer)['tvilling:collection'] === info.id);
    if (layers.length === 0) continue;
    const department = info['tvilling:department'];
    const title = pick(info['tvilling:title'] as Text | undefined, info.title ?? info.id);
    const relief = layers.some(isHillshade);
    const thematic = layers.some((layer) => metadataOf(layer)['tvilling:thematic'] === true);
    const entry: LayerEntry = {
      collection: info.id,
      title: relief ? t('layers.hillshade', { survey: title }) : title,
      colour: department?.colour ?? NEUTRAL_COLOUR,
      styleLayers: layers.map((layer) => layer.id),
      shownAtFirst: layers.some((layer) => layer.layout?.visibility !== 'none'),
      synthetic: info['tvilling:synthetic'] === true,
      minZoom: Math.min(...layers.map((layer) => layer.minzoom ?? 0)),
      ramp: layers.map((layer) => metadataOf(layer)['tvilling:ramp']).find((ramp) => ramp !== undefined) ?? null,
    };
    if (relief) terrain.entries.push(entry);
    else if (!thematic) base.entries.push(entry);
    else {
      const id = department?.id ?? '';
      let group = departments.get(id);
      if (!group) {
        group = { id, title: pick(department?.title, id || t('layers.no_department')), colour: entry.colour, kind: 'department', entries: [] };
        departments.set(id, group);
      }
      group.entries.push(entry);
    }
  }
  return [...departments.values(), terrain, base].filter((group) => group.entries.length > 0);
}

/** Whether a layer shows, by its default and what the reader changed. */
export function isShown(entry: LayerEntry, state: Pick<ViewState, 'on' | 'off'>): boolean {
  return entry.shownAtFirst ? !state.off.includes(entry.collection) : state.on.includes(entry.collection);
}

/** Returns the lists of changes after switching a layer. */
export function withShown(entry: LayerEntry, shown: boolean, state: Pick<ViewState, 'on' | 'off'>): Pick<ViewState, 'on' | 'off'> {
  const without = (list: string[]) => list.filter((id) => id !== entry.collection);
  const on = without(state.on);
  const off = without(state.off);
  if (shown && !entry.shownAtFirst) on.push(entry.collection);
  if (!shown && entry.shownAtFirst) off.push(entry.collection);
  return { on, off };
}
