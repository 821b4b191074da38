import { describe, expect, it } from 'vitest';
import { along, metresPerPixel, sizeM } from './geometry';

describe('places along a line', () => {
  // 0.001° of latitude is 111.32 m; the line runs north.
  const north: GeoJSON.Geometry = { type: 'LineString', coordinates: [[17, 62], [17, 62.001], [17, 62.002]] };

  it('count metres from its start', () => {
    const place = along(north, [17.0001, 62.0015])!;
    expect(place.measureM).toBeCloseTo(167, 0);
    expect(place.lengthM).toBeCloseTo(222.6, 0);
  });

  it('are to the right when they lie east of a line to the north', () => {
    expect(along(north, [17.0001, 62.0015])!.side).toBe('right');
    expect(along(north, [16.9999, 62.0015])!.side).toBe('left');
  });

  it('need a line', () => {
    expect(along({ type: 'Point', coordinates: [17, 62] }, [17, 62])).toBeNull();
    expect(along(null, [17, 62])).toBeNull();
  });
});

it('a polygon has the size of its box, a road has none', () => {
  const square: GeoJSON.Geometry = { type: 'Polygon', coordinates: [[[17, 0], [17.001, 0], [17.001, 0.001], [17, 0.001], [17, 0]]] };
  expect(sizeM(square)).toBeCloseTo(111.32, 1);
  expect(sizeM({ type: 'LineString', coordinates: [[17, 62], [18, 63]] })).toBe(0);
});

it('a pixel is half as wide at latitude 60 and at the next zoom', () => {
  expect(metresPerPixel(10, 60)).toBeCloseTo(metresPerPixel(10, 0) / 2, 6);
  expect(metresPerPixel(11, 0)).toBeCloseTo(metresPerPixel(10, 0) / 2, 6);
});
