// The map itself: MapLibre, the layers' state, the highlight and the terrain.
// It knows nothing of panels; the page tells it what to show.

import { LngLatBounds, Map as MapLibre, Marker, ScaleControl, AttributionControl, setWorkerUrl, type ErrorEvent, type GeoJSONSource, type LayerSpecification, type StyleSpecification } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import { address, headersFor, type AnswerFeature } from './api';
import { h } from './dom';
import { boundsOf } from './geometry';
import { isShown, metadataOf, type LayerGroup } from './layers-model';
import { darkStyle } from './theme';
import type { Camera, ViewState } from './url-state';

setWorkerUrl(workerUrl);

const SELECTED = 'tvilling-selected';
const TERRAIN = 'tvilling-terrain';
const PITCH_3D = 60;
/** Attributes that hold a height above ground in metres, the first that a feature has. */
const HEIGHT_ATTRIBUTES = ['nockhojd_m', 'hojd_m'];
const RAISED = '-raised';

/** A feature to be made unmistakable, or one that is related to it. */
export interface Highlight {
  feature: AnswerFeature;
  role: 'main' | 'other' | 'related';
}

export interface MapEvents {
  ask: (place: { lon: number; lat: number }, byKeyboard: boolean) => void;
  moved: () => void;
  layerFailed: (source: string) => void;
  pointer: (place: { lon: number; lat: number }) => void;
}

export class MapView {
  readonly map: MapLibre;
  /** Resolves when the first picture of the map is complete enough to read. */
  readonly ready: Promise<void>;
  private readonly light: StyleSpecification;
  private readonly place: Marker;
  private readonly calm = matchMedia('(prefers-reduced-motion: reduce)');
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private scale: ScaleControl;

  constructor(container: HTMLElement, style: StyleSpecification, state: ViewState, groups: LayerGroup[], bounds: [number, number, number, number] | null, label: string, events: MapEvents) {
    this.light = style;
    const camera = state.camera;
    this.map = new MapLibre({
      container,
      style: this.themed(this.withState(style, state, groups)),
      ...(camera
        ? { center: [camera.lon, camera.lat], zoom: camera.zoom, bearing: camera.bearing, pitch: camera.pitch }
        : bounds
          ? { bounds, fitBoundsOptions: { padding: 24 } }
          : {}),
      maxPitch: 80,
      attributionControl: false,
      locale: { 'Map.Title': label },
      fadeDuration: this.calm.matches ? 0 : 200,
      transformRequest: (url) => ({ url, headers: headersFor(url) }),
      canvasContextAttributes: { antialias: true },
    });
    this.scale = new ScaleControl({ unit: 'metric', maxWidth: 110 });
    this.map.addControl(this.scale, 'bottom-left');
    this.map.addControl(new AttributionControl({ compact: true }), 'bottom-right');
    this.place = new Marker({ element: h('div', { class: 'asked-place', 'aria-hidden': 'true' }) });
    this.ready = new Promise((resolve) => void this.map.once('load', () => resolve()));
    this.map.on('style.load', () => {
      this.addHighlight();
      if (state.terrain) this.setTerrain(true, this.terrainSurvey, false);
    });
    this.map.on('click', (event) => events.ask({ lon: event.lngLat.lng, lat: event.lngLat.lat }, false));
    this.map.on('moveend', () => events.moved());
    this.map.on('move', () => events.pointer(this.centre()));
    this.map.on('mousemove', (event) => events.pointer({ lon: event.lngLat.lng, lat: event.lngLat.lat }));
    this.map.on('error', (event: ErrorEvent & { sourceId?: string }) => {
      if (event.sourceId) events.layerFailed(event.sourceId);
    });
    this.canvas.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      events.ask(this.centre(), true);
    });
    this.dark.addEventListener('change', () => this.applyTheme());
  }

  /** Survey whose terrain 3D uses; set before the style has loaded. */
  terrainSurvey: string | null = null;

  get canvas(): HTMLCanvasElement {
    return this.map.getCanvas();
  }

  centre(): { lon: number; lat: number } {
    const { lng, lat } = this.map.getCenter();
    return { lon: lng, lat };
  }

  camera(): Camera {
    const { lng, lat } = this.map.getCenter();
    return { zoom: this.map.getZoom(), lat, lon: lng, bearing: this.map.getBearing(), pitch: this.map.getPitch() };
  }

  jumpTo(camera: Camera): void {
    this.map.jumpTo({ center: [camera.lon, camera.lat], zoom: camera.zoom, bearing: camera.bearing, pitch: camera.pitch });
  }

  relabel(label: string): void {
    this.canvas.setAttribute('aria-label', label);
  }

  /** Shows and hides layers and sets their opacity as the state says. */
  applyLayers(state: ViewState, groups: LayerGroup[]): void {
    for (const layer of this.themed(this.withState(this.light, state, groups)).layers) {
      if (!this.map.getLayer(layer.id)) continue;
      this.map.setLayoutProperty(layer.id, 'visibility', layer.layout?.visibility ?? 'visible');
      for (const name of opacityNames(layer)) this.map.setPaintProperty(layer.id, name as 'fill-opacity', paintOf(layer)[name] as number);
      if (this.map.getLayer(layer.id + RAISED)) this.map.setLayoutProperty(layer.id + RAISED, 'visibility', layer.layout?.visibility ?? 'visible');
    }
  }

  /** Marks the place asked about; nothing without one. */
  markPlace(place: { lon: number; lat: number } | null): void {
    if (place) this.place.setLngLat([place.lon, place.lat]).addTo(this.map);
    else this.place.remove();
  }

  highlight(features: Highlight[]): void {
    const source = this.map.getSource(SELECTED) as GeoJSONSource | undefined;
    const data: GeoJSON.FeatureCollection = {
      type: 'FeatureCollection',
      features: features
        .filter(({ feature }) => feature.geometry)
        .map(({ feature, role }) => ({ type: 'Feature', geometry: feature.geometry!, properties: { role } })),
    };
    if (source) void source.setData(data);
    else this.map.once('style.load', () => (this.map.getSource(SELECTED) as GeoJSONSource | undefined)?.setData(data));
  }

  /** Flies to a feature only if it is out of the part of the map that panels leave free. */
  show(feature: AnswerFeature, free: DOMRect): void {
    const bounds = feature.geometry && boundsOf(feature.geometry);
    if (!bounds) return;
    const corners = [this.map.project([bounds[0], bounds[1]]), this.map.project([bounds[2], bounds[3]])];
    const inside = corners.every((p) => p.x >= free.left && p.x <= free.right && p.y >= free.top && p.y <= free.bottom);
    if (inside) return;
    const box = this.map.getContainer().getBoundingClientRect();
    const padding = { left: free.left + 30, top: free.top + 30, right: box.width - free.right + 30, bottom: box.height - free.bottom + 30 };
    this.map.fitBounds(new LngLatBounds(bounds), { padding, maxZoom: Math.max(17, this.map.getZoom()), animate: !this.calm.matches, bearing: this.map.getBearing(), pitch: this.map.getPitch() });
  }

  /** Moves the map just so far that a place comes out from under a panel. */
  nudge(place: { lon: number; lat: number }, free: DOMRect): void {
    const margin = 40;
    const p = this.map.project([place.lon, place.lat]);
    const dx = p.x < free.left + margin ? p.x - (free.left + margin) : p.x > free.right - margin ? p.x - (free.right - margin) : 0;
    const dy = p.y < free.top + margin ? p.y - (free.top + margin) : p.y > free.bottom - margin ? p.y - (free.bottom - margin) : 0;
    if (dx !== 0 || dy !== 0) this.map.panBy([dx, dy], { animate: !this.calm.matches, duration: 250 });
  }

  zoomBy(levels: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + levels, duration: this.calm.matches ? 0 : 250 });
  }

  northUp(): void {
    this.map.easeTo({ bearing: 0, duration: this.calm.matches ? 0 : 400 });
  }

  goTo(lon: number, lat: number): void {
    this.map.easeTo({ center: [lon, lat], zoom: Math.max(16, this.map.getZoom()), duration: this.calm.matches ? 0 : 800 });
  }

  /** Raises the terrain from a survey and tilts the map, or lays both flat. */
  setTerrain(on: boolean, survey: string | null, tilt = true): void {
    if (!on || !survey) {
      this.map.setTerrain(null);
      this.raiseHouses(false);
      if (tilt) this.map.easeTo({ pitch: 0, duration: this.calm.matches ? 0 : 600 });
      return;
    }
    if (!this.map.getSource(TERRAIN)) this.map.addSource(TERRAIN, { type: 'raster-dem', url: address(`terrain/${survey}.json`), tileSize: 256 });
    this.map.setTerrain({ source: TERRAIN, exaggeration: 1 });
    // Soft light: walls are a step darker than roofs, not black.
    this.map.setLight({ anchor: 'map', position: [1.3, 315, 40], intensity: 0.22 });
    this.map.setSky(
      this.dark.matches
        ? { 'sky-color': '#10161c', 'horizon-color': '#27313b', 'fog-color': '#22272b', 'fog-ground-blend': 0.85 }
        : { 'sky-color': '#a9cbe6', 'horizon-color': '#e9f0f4', 'fog-color': '#eeece6', 'fog-ground-blend': 0.85 },
    );
    this.raiseHouses(true);
    if (tilt && this.map.getPitch() < 20) this.map.easeTo({ pitch: PITCH_3D, duration: this.calm.matches ? 0 : 600 });
  }

  /** Draws every polygon that has a height as a body, houses and planned houses alike. */
  private raiseHouses(on: boolean): void {
    const before = this.map.getStyle().layers.find((layer) => layer.id.startsWith(SELECTED) || layer.type === 'symbol')?.id;
    for (const layer of this.themed(this.light).layers) {
      if (layer.type !== 'fill' || !this.map.getLayer(layer.id)) continue;
      const { 'tvilling:role': role, 'tvilling:thematic': thematic } = metadataOf(layer);
      if (role !== 'building' && !thematic) continue;
      const id = layer.id + RAISED;
      if (!on) {
        if (this.map.getLayer(id)) this.map.removeLayer(id);
        continue;
      }
      if (this.map.getLayer(id)) continue;
      this.map.addLayer(
        {
          id,
          type: 'fill-extrusion',
          source: layer.source,
          ...(layer['source-layer'] ? { 'source-layer': layer['source-layer'] } : {}),
          filter: ['any', ...HEIGHT_ATTRIBUTES.map((name) => ['has', name])] as never,
          layout: { visibility: this.map.getLayoutProperty(layer.id, 'visibility') ?? 'visible' },
          paint: {
            'fill-extrusion-color': (layer.paint?.['fill-color'] ?? '#d3ccc0') as string,
            'fill-extrusion-height': ['to-number', ['coalesce', ...HEIGHT_ATTRIBUTES.map((name) => ['get', name])]] as never,
            'fill-extrusion-opacity': 1,
          },
        },
        before,
      );
    }
  }

  private themed(style: StyleSpecification): StyleSpecification {
    return this.dark.matches ? darkStyle(style) : style;
  }

  private applyTheme(): void {
    for (const layer of this.themed(this.light).layers) {
      if (!this.map.getLayer(layer.id)) continue;
      for (const [name, value] of Object.entries(paintOf(layer))) {
        if (name.endsWith('-color')) this.map.setPaintProperty(layer.id, name as 'fill-color', value as string);
      }
      if (layer.type === 'raster') this.map.setPaintProperty(layer.id, 'raster-brightness-max', layer.paint?.['raster-brightness-max'] ?? 1);
    }
  }

  private withState(style: StyleSpecification, state: ViewState, groups: LayerGroup[]): StyleSpecification {
    const entries = groups.flatMap((group) => group.entries);
    const layers = style.layers.map((layer) => {
      const entry = entries.find((candidate) => candidate.styleLayers.includes(layer.id));
      if (!entry) return layer;
      const share = (state.opacity[entry.key] ?? 100) / 100;
      const paint: Record<string, unknown> = { ...paintOf(layer) };
      for (const name of opacityNames(layer)) paint[name] = scaled(paint[name] ?? 1, share);
      return { ...layer, paint, layout: { ...layer.layout, visibility: isShown(entry, state) ? 'visible' : 'none' } } as LayerSpecification;
    });
    return { ...style, layers };
  }

  /** A dark casing and a bright core: one of the two stands out from any background. */
  private addHighlight(): void {
    this.map.addSource(SELECTED, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
    const main = ['==', ['get', 'role'], 'main'];
    const core = ['match', ['get', 'role'], 'main', '#ffd60a', 'related', '#8ecbff', '#ffe99a'];
    const width = (wide: number, thin: number) => ['interpolate', ['exponential', 1.3], ['zoom'], 12, ['case', main, wide * 0.6, thin * 0.6], 18, ['case', main, wide, thin]];
    // Names stay readable on top of the highlight; the halo of a point lies over all.
    const above = this.light.layers.findLastIndex((layer) => layer.type !== 'symbol') + 1;
    const labels = this.light.layers[above]?.id;
    const add = (layer: { type: string; [name: string]: unknown }) => this.map.addLayer({ source: SELECTED, ...layer } as LayerSpecification, layer.type === 'circle' ? undefined : labels);
    const round = { 'line-cap': 'round', 'line-join': 'round' };
    add({ id: 'tvilling-selected-fill', type: 'fill', filter: ['all', ['==', ['geometry-type'], 'Polygon'], main], paint: { 'fill-color': '#ffd60a', 'fill-opacity': 0.16 } });
    add({ id: 'tvilling-selected-casing', type: 'line', filter: ['!=', ['geometry-type'], 'Point'], layout: round, paint: { 'line-color': '#10243e', 'line-width': width(9, 4.5), 'line-opacity': ['case', main, 0.95, 0.6] } });
    add({ id: 'tvilling-selected-core', type: 'line', filter: ['!=', ['geometry-type'], 'Point'], layout: round, paint: { 'line-color': core, 'line-width': width(5, 2), 'line-opacity': ['case', main, 1, 0.9] } });
    add({
      id: 'tvilling-selected-point',
      type: 'circle',
      filter: ['==', ['geometry-type'], 'Point'],
      paint: { 'circle-radius': ['case', main, 14, 9], 'circle-color': core, 'circle-opacity': ['case', main, 0.25, 0.15], 'circle-stroke-color': ['case', main, '#10243e', '#27527f'], 'circle-stroke-width': ['case', main, 3, 1.5] },
    });
  }
}

function paintOf(layer: LayerSpecification): Record<string, unknown> {
  return ('paint' in layer && layer.paint ? layer.paint : {}) as Record<string, unknown>;
}

function opacityNames(layer: LayerSpecification): string[] {
  switch (layer.type) {
    case 'symbol':
      return ['icon-opacity', 'text-opacity'];
    case 'circle':
      return ['circle-opacity', 'circle-stroke-opacity'];
    case 'fill':
    case 'line':
    case 'raster':
    case 'fill-extrusion':
      return [`${layer.type}-opacity`];
    default:
      return [];
  }
}

/** Multiplies an opacity, a number or an expression, keeping zoom outermost as expressions must. */
export function scaled(value: unknown, share: number): unknown {
  if (share === 1) return value;
  if (typeof value === 'number') return value * share;
  if (!Array.isArray(value)) return share;
  if (value[0] === 'interpolate') return value.map((part, i) => (i >= 4 && i % 2 === 0 ? scaled(part, share) : part));
  if (value[0] === 'step') return value.map((part, i) => (i >= 2 && i % 2 === 0 ? scaled(part, share) : part));
  return ['*', share, value];
}
