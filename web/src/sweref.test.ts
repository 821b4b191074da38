import { describe, expect, it } from 'vitest';
import { GRIDS, gridFromLonLat, gridOf } from './sweref';

describe('SWEREF 99 coordinates', () => {
  // Control points computed with PROJ 9.
  it.each([
    ['EPSG:3006', 17.3063, 62.3908, 6919843.697, 619229.2411],
    ['EPSG:3014', 17.3063, 62.3908, 6920486.3574, 152912.165],
    ['EPSG:3007', 16.3568, 56.6634, 6290920.5868, 417056.0634],
    ['EPSG:3018', 14.6357, 63.1792, 7037475.2823, -282860.6787],
  ])('agree with PROJ in %s to a centimetre', (crs, lon, lat, northing, easting) => {
    const at = gridFromLonLat(gridOf(crs)!, lon, lat);
    expect(Math.abs(at.northingM - northing)).toBeLessThan(0.01);
    expect(Math.abs(at.eastingM - easting)).toBeLessThan(0.01);
  });

  it('are known by codes and by OGC addresses', () => {
    expect(GRIDS).toHaveLength(13);
    expect(gridOf('http://www.opengis.net/def/crs/EPSG/0/3014')?.name).toBe('SWEREF 99 17 15');
    expect(gridOf('EPSG:28992')).toBeUndefined();
    expect(gridOf(undefined)).toBeUndefined();
  });
});
