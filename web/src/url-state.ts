// The view as the part of the address after `#`, and back.
//
// `#15.2/62.39123/17.30456/20/45&on=signs&off=hillshade&o=signs:60&s=17.30456,62.39123,4.2&lang=en&3d=1`:
// zoom, latitude, longitude, bearing and pitch as in MapLibre's own addresses, then what differs from the defaults.

import type { Language } from './i18n';

export interface Camera {
  zoom: number;
  lat: number;
  lon: number;
  bearing: number;
  pitch: number;
}

/** The place asked about. */
export interface Selection {
  lon: number;
  lat: number;
  /** How far from it an answer may lie. */
  radiusM: number;
}

export interface ViewState {
  camera: Camera | null;
  /** Collections shown although hidden at first. */
  on: string[];
  /** Collections hidden although shown at first. */
  off: string[];
  /** Opacity in per cent of collections that are not fully opaque. */
  opacity: Record<string, number>;
  selection: Selection | null;
  language: Language | null;
  terrain: boolean;
}

export function emptyState(): ViewState {
  return { camera: null, on: [], off: [], opacity: {}, selection: null, language: null, terrain: false };
}

/** Returns the address part for the state, with `#`. */
export function writeState(state: ViewState): string {
  const parts: string[] = [];
  if (state.camera) {
    const { zoom, lat, lon, bearing, pitch } = state.camera;
    const numbers = [round(zoom, 2), round(lat, 6), round(lon, 6)];
    if (round(bearing, 1) !== 0 || round(pitch, 1) !== 0) numbers.push(round(bearing, 1));
    if (round(pitch, 1) !== 0) numbers.push(round(pitch, 1));
    parts.push(numbers.join('/'));
  }
  if (state.on.length > 0) parts.push(`on=${state.on.map(encodeURIComponent).join(',')}`);
  if (state.off.length > 0) parts.push(`off=${state.off.map(encodeURIComponent).join(',')}`);
  const opacity = Object.entries(state.opacity).map(([id, percent]) => `${encodeURIComponent(id)}:${percent}`);
  if (opacity.length > 0) parts.push(`o=${opacity.join(',')}`);
  if (state.selection) {
    const { lon, lat, radiusM } = state.selection;
    parts.push(`s=${round(lon, 7)},${round(lat, 7)},${round(radiusM, 2)}`);
  }
  if (state.language) parts.push(`lang=${state.language}`);
  if (state.terrain) parts.push('3d=1');
  return `#${parts.join('&')}`;
}

/** Returns the state that an address part describes; what is malformed is left at its default. */
export function readState(hash: string): ViewState {
  const state = emptyState();
  for (const part of hash.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=');
    if (at < 0) {
      state.camera = readCamera(part);
      continue;
    }
    const [name, value] = [part.slice(0, at), part.slice(at + 1)];
    if (name === 'on') state.on = readNames(value);
    else if (name === 'off') state.off = readNames(value);
    else if (name === 'o') state.opacity = readOpacity(value);
    else if (name === 's') state.selection = readSelection(value);
    else if (name === 'lang' && (value === 'sv' || value === 'en')) state.language = value;
    else if (name === '3d') state.terrain = value === '1';
  }
  return state;
}

function readCamera(text: string): Camera | null {
  const numbers = text.split('/').map(Number);
  const [zoom, lat, lon, bearing = 0, pitch = 0] = numbers;
  if (zoom === undefined || lat === undefined || lon === undefined || !numbers.every(Number.isFinite)) return null;
  if (zoom < 0 || zoom > 24 || Math.abs(lat) > 86 || Math.abs(lon) > 180) return null;
  return { zoom, lat, lon, bearing, pitch: Math.min(85, Math.max(0, pitch)) };
}

function readSelection(text: string): Selection | null {
  const [lon, lat, radiusM = 5] = text.split(',').map(Number);
  if (lon === undefined || lat === undefined || ![lon, lat, radiusM].every(Number.isFinite)) return null;
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lon, lat, radiusM: Math.max(0, radiusM) } : null;
}

function readNames(text: string): string[] {
  return text.split(',').map(decode).filter((name) => name !== '');
}

function readOpacity(text: string): Record<string, number> {
  const opacity: Record<string, number> = {};
  for (const entry of text.split(',')) {
    const at = entry.lastIndexOf(':');
    const percent = Number(entry.slice(at + 1));
    if (at > 0 && percent >= 0 && percent <= 100) opacity[decode(entry.slice(0, at))] = percent;
  }
  return opacity;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}
