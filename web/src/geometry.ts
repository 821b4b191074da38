// Small plane geometry on features of an answer: enough to order and place
// them on the page. Areas and lengths that people rely on come from the server.

type Position = GeoJSON.Position;

const METRES_PER_DEGREE = 111_320;

/** Metres east and north of `origin`, good to a few parts in a thousand within a town. */
function plane(origin: Position): (p: Position) => [number, number] {
  const [lon0 = 0, lat0 = 0] = origin;
  const east = METRES_PER_DEGREE * Math.cos((lat0 * Math.PI) / 180);
  return ([lon = 0, lat = 0]) => [(lon - lon0) * east, (lat - lat0) * METRES_PER_DEGREE];
}

/** All positions of a geometry. */
export function positions(geometry: GeoJSON.Geometry): Position[] {
  if (geometry.type === 'GeometryCollection') return geometry.geometries.flatMap(positions);
  const found: Position[] = [];
  const walk = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === 'number') found.push(part as Position);
    else part.forEach(walk);
  };
  walk(geometry.coordinates);
  return found;
}

/** West, south, east, north of a geometry. */
export function boundsOf(geometry: GeoJSON.Geometry): [number, number, number, number] | null {
  const all = positions(geometry);
  if (all.length === 0) return null;
  const lons = all.map((p) => p[0] ?? 0);
  const lats = all.map((p) => p[1] ?? 0);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

/** Width of a geometry as the eye takes it: the square root of its box's area, in metres; 0 for points and lines. */
export function sizeM(geometry: GeoJSON.Geometry | null | undefined): number {
  if (!geometry || !/Polygon|Collection/.test(geometry.type)) return 0;
  const bounds = boundsOf(geometry);
  if (!bounds) return 0;
  const [width, height] = plane([bounds[0], bounds[1]])([bounds[2], bounds[3]]);
  return Math.sqrt(Math.abs(width * height));
}

/** Where a place lies along a line. */
export interface Along {
  /** Metres from the line's start. */
  measureM: number;
  /** Length of the line in metres. */
  lengthM: number;
  side: 'left' | 'right';
}

/** Returns where the point on a line nearest to a place lies, seen from the line's start. */
export function along(geometry: GeoJSON.Geometry | null | undefined, place: Position): Along | null {
  const lines = geometry?.type === 'LineString' ? [geometry.coordinates] : geometry?.type === 'MultiLineString' ? geometry.coordinates : [];
  const toPlane = plane(place);
  let best: { distance: number; measure: number; left: boolean } | null = null;
  let length = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i++) {
      const [x0, y0] = toPlane(line[i - 1]!);
      const [x1, y1] = toPlane(line[i]!);
      const [dx, dy] = [x1 - x0, y1 - y0];
      const part = Math.hypot(dx, dy);
      if (part === 0) continue;
      const share = Math.max(0, Math.min(1, -(x0 * dx + y0 * dy) / (part * part)));
      const distance = Math.hypot(x0 + share * dx, y0 + share * dy);
      // The place is the origin: it is to the left when the direction turns left towards it.
      if (!best || distance < best.distance) best = { distance, measure: length + share * part, left: dx * -y0 - dy * -x0 > 0 };
      length += part;
    }
  }
  return best && { measureM: best.measure, lengthM: length, side: best.left ? 'left' : 'right' };
}

/** Metres on the ground for one CSS pixel of a Web Mercator map with 512 px tiles. */
export function metresPerPixel(zoom: number, latDeg: number): number {
  return (40_075_016.686 * Math.cos((latDeg * Math.PI) / 180)) / (512 * 2 ** zoom);
}
