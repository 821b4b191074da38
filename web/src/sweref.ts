// SWEREF 99 coordinates of a place, by the Gauss conformal projection.
//
// The formulas are those that Lantmäteriet publishes (Krüger's series to the
// fourth order, GRS 80). WGS 84 and SWEREF 99 are taken as equal, as everywhere
// in web maps: they differ by less than a metre.

/** A SWEREF 99 grid: its name, its EPSG code, and how it is laid. */
export interface Grid {
  name: string;
  epsg: number;
  centralMeridianDeg: number;
  scale: number;
  falseEastingM: number;
}

const TM: Grid = { name: 'SWEREF 99 TM', epsg: 3006, centralMeridianDeg: 15, scale: 0.9996, falseEastingM: 500_000 };

const ZONE_MERIDIANS: [number, string, number][] = [
  [3007, '12 00', 12], [3008, '13 30', 13.5], [3009, '15 00', 15], [3010, '16 30', 16.5], [3011, '18 00', 18], [3012, '14 15', 14.25],
  [3013, '15 45', 15.75], [3014, '17 15', 17.25], [3015, '18 45', 18.75], [3016, '20 15', 20.25], [3017, '21 45', 21.75], [3018, '23 15', 23.25],
];

export const GRIDS: Grid[] = [
  TM,
  ...ZONE_MERIDIANS.map(([epsg, name, centralMeridianDeg]) => ({ name: `SWEREF 99 ${name}`, epsg, centralMeridianDeg, scale: 1, falseEastingM: 150_000 })),
];

/** The grid of a code such as `EPSG:3014`, if it is one of the thirteen. */
export function gridOf(crs: string | undefined): Grid | undefined {
  const code = Number(/(\d+)\s*$/.exec(crs ?? '')?.[1]);
  return GRIDS.find((grid) => grid.epsg === code);
}

/** Returns northing and easting in metres of a place in degrees. */
export function gridFromLonLat(grid: Grid, lonDeg: number, latDeg: number): { northingM: number; eastingM: number } {
  const axis = 6_378_137;
  const flattening = 1 / 298.257222101;
  const e2 = flattening * (2 - flattening);
  const n = flattening / (2 - flattening);
  const radius = (axis / (1 + n)) * (1 + n ** 2 / 4 + n ** 4 / 64);
  const a = e2;
  const b = (5 * e2 ** 2 - e2 ** 3) / 6;
  const c = (104 * e2 ** 3 - 45 * e2 ** 4) / 120;
  const d = (1237 * e2 ** 4) / 1260;
  const beta = [
    n / 2 - (2 / 3) * n ** 2 + (5 / 16) * n ** 3 + (41 / 180) * n ** 4,
    (13 / 48) * n ** 2 - (3 / 5) * n ** 3 + (557 / 1440) * n ** 4,
    (61 / 240) * n ** 3 - (103 / 140) * n ** 4,
    (49561 / 161280) * n ** 4,
  ];
  const latitude = (latDeg * Math.PI) / 180;
  const longitude = ((lonDeg - grid.centralMeridianDeg) * Math.PI) / 180;
  const s2 = Math.sin(latitude) ** 2;
  const conformal = latitude - Math.sin(latitude) * Math.cos(latitude) * (a + b * s2 + c * s2 ** 2 + d * s2 ** 3);
  const xi = Math.atan2(Math.tan(conformal), Math.cos(longitude));
  const eta = Math.atanh(Math.cos(conformal) * Math.sin(longitude));
  let north = xi;
  let east = eta;
  beta.forEach((factor, i) => {
    const k = 2 * (i + 1);
    north += factor * Math.sin(k * xi) * Math.cosh(k * eta);
    east += factor * Math.cos(k * xi) * Math.sinh(k * eta);
  });
  return { northingM: grid.scale * radius * north, eastingM: grid.scale * radius * east + grid.falseEastingM };
}
