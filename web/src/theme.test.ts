import { describe, expect, it } from 'vitest';
import type { StyleSpecification } from 'maplibre-gl';
import { darkStyle, parseColour, recolour } from './theme';

describe('the dark theme', () => {
  it('reads colours as styles write them', () => {
    expect(parseColour('#fff')).toEqual([255, 255, 255, 1]);
    expect(parseColour('#d55e00')).toEqual([213, 94, 0, 1]);
    expect(parseColour('rgba(1, 2, 3, 0.5)')).toEqual([1, 2, 3, 0.5]);
    expect(parseColour('hsl(0, 100%, 50%)')).toEqual([255, 0, 0, 1]);
    expect(parseColour('road')).toBeNull();
  });

  it('keeps a colour whose lightness does not change', () => {
    for (const colour of ['#d55e00', '#0072b2', '#808080']) {
      const [r, g, b] = parseColour(colour)!;
      expect(recolour(colour, (l) => l)).toBe(`rgb(${r},${g},${b})`);
    }
  });

  it('changes colours inside expressions and nothing else', () => {
    const value = ['match', ['get', 'typ'], 'skog', '#ffffff', '#000'];
    expect(recolour(value, (l) => 1 - l)).toEqual(['match', ['get', 'typ'], 'skog', 'rgb(0,0,0)', 'rgb(255,255,255)']);
  });

  it('makes the land dark and the roads lighter than the land', () => {
    const style: StyleSpecification = {
      version: 8,
      sources: {},
      layers: [
        { id: 'land', type: 'background', paint: { 'background-color': '#eeece6' } },
        { id: 'road', type: 'line', source: 's', paint: { 'line-color': '#ffffff' }, metadata: { 'tvilling:role': 'road' } },
      ],
    };
    const [land, road] = darkStyle(style).layers.map((layer) => parseColour(Object.values(layer.type === 'background' || layer.type === 'line' ? layer.paint! : {})[0] as string)!);
    expect(land![0]).toBeLessThan(60);
    expect(road![0]).toBeGreaterThan(land![0] + 20);
  });
});
