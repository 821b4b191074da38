// The dark theme of the map: the server's one style, its colours turned.
//
// Colours are moved in OKLCH, where equal steps of lightness look equal, so that
// thematic colours keep their hue and the base map keeps its order of greys.

import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { metadataOf } from './layers-model';

/** How bright the brightest slope of a relief is in the dark. */
const DARK_RELIEF = 0.32;

/** Returns the style in dark colours. */
export function darkStyle(style: StyleSpecification): StyleSpecification {
  return { ...style, layers: style.layers.map(darkLayer) };
}

function darkLayer(layer: LayerSpecification): LayerSpecification {
  if (!('paint' in layer) || !layer.paint) return layer;
  const metadata = metadataOf(layer);
  const thematic = metadata['tvilling:thematic'] === true;
  const paint: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(layer.paint)) {
    const lightness = name.startsWith('text-')
      ? name.endsWith('halo-color')
        ? () => 0.2
        : (l: number) => Math.max(0.82, 1.05 - l * 0.4)
      : thematic
        ? (l: number) => 0.55 + l * 0.35
        : metadata['tvilling:role'] === 'road' || layer.type === 'line'
          ? (l: number) => Math.max(0.24, 0.24 + (l - 0.6) * 0.5)
          : metadata['tvilling:role'] === 'building'
            ? (l: number) => 0.36 + (0.8 - l) * 0.2
            : (l: number) => Math.max(0.2, 0.9 - l * 0.68);
    // Warm greys turn brown when they darken: the land loses colour, the water keeps it.
    const chroma = thematic || metadata['tvilling:role'] === 'water' ? 1 : 0.35;
    paint[name] = name.endsWith('-color') ? recolour(value, lightness, chroma) : value;
  }
  if (layer.type === 'raster') paint['raster-brightness-max'] = DARK_RELIEF;
  return { ...layer, paint } as LayerSpecification;
}

/** Replaces every colour inside a paint value, expressions included. */
export function recolour(value: unknown, lightness: (l: number) => number, chroma = 1): unknown {
  if (Array.isArray(value)) return value.map((part) => recolour(part, lightness, chroma));
  if (typeof value === 'string') return recolourText(value, lightness, chroma);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, recolour(part, lightness, chroma)]));
  return value;
}

function recolourText(text: string, lightness: (l: number) => number, chroma: number): string {
  const rgba = parseColour(text);
  if (!rgba) return text;
  const [l, c, h] = oklchFromRgb(rgba[0], rgba[1], rgba[2]);
  const [r, g, b] = rgbFromOklch(Math.max(0, Math.min(1, lightness(l))), c * chroma, h);
  return rgba[3] === 1 ? `rgb(${r},${g},${b})` : `rgba(${r},${g},${b},${rgba[3]})`;
}

/** `#rgb`, `#rrggbb`, `rgb()`, `rgba()`, `hsl()`, `hsla()`, white and black: what the server's style is written in. */
export function parseColour(text: string): [number, number, number, number] | null {
  if (text === 'white') return [255, 255, 255, 1];
  if (text === 'black') return [0, 0, 0, 1];
  const hex = /^#([0-9a-f]{3,8})$/i.exec(text)?.[1];
  if (hex) {
    const digits = hex.length <= 4 ? [...hex].map((d) => d + d).join('') : hex;
    const part = (i: number) => Number.parseInt(digits.slice(i, i + 2), 16);
    if (digits.length === 6) return [part(0), part(2), part(4), 1];
    return digits.length === 8 ? [part(0), part(2), part(4), part(6) / 255] : null;
  }
  const call = /^(rgb|hsl)a?\(([^)]+)\)$/i.exec(text);
  if (!call) return null;
  const numbers = call[2]!.split(/[\s,/]+/).filter(Boolean).map((part) => Number.parseFloat(part));
  const [a = 0, b = 0, c = 0, alpha = 1] = numbers;
  if (call[1]!.toLowerCase() === 'rgb') return [a, b, c, alpha];
  const [saturation, light] = [b / 100, c / 100];
  const channel = (n: number) => {
    const k = (n + a / 30) % 12;
    return Math.round(255 * (light - saturation * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4), alpha];
}

// The matrices are those of Björn Ottosson's OKLab.
function oklchFromRgb(r: number, g: number, b: number): [number, number, number] {
  const linear = (v: number) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const [lr, lg, lb] = [linear(r), linear(g), linear(b)];
  const l = Math.cbrt(0.4122214708 * lr + 0.5363325363 * lg + 0.0514459929 * lb);
  const m = Math.cbrt(0.2119034982 * lr + 0.6806995451 * lg + 0.1073969566 * lb);
  const s = Math.cbrt(0.0883024619 * lr + 0.2817188376 * lg + 0.6299787005 * lb);
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const bb = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, Math.hypot(a, bb), Math.atan2(bb, a)];
}

function rgbFromOklch(lightness: number, chroma: number, hue: number): [number, number, number] {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const encode = (v: number) => Math.round(255 * Math.max(0, Math.min(1, v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)));
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}
