// A pyramid over ranges of bytes, as the client of PMTiles in browsers reads it.

import { PMTiles } from 'pmtiles';

/** Holds the archive of a collection to the tiles that the server answers with. Returns what was found. */
export async function judgePyramid(base, id) {
  const url = `${base}/tiles/${id}.pmtiles`;
  const archive = new PMTiles(url);
  const header = await archive.getHeader();
  const metadata = await archive.getMetadata();
  const tilejson = await (await fetch(`${base}/tiles/${id}.json`)).json();
  const faults = [];
  if (tilejson.pmtiles !== url) faults.push(`TileJSON links to ${tilejson.pmtiles}`);
  if (metadata.vector_layers?.[0]?.id !== id) faults.push(`its layers are ${JSON.stringify(metadata.vector_layers)}`);
  let tiles = 0;
  let empty = 0;
  for (let z = header.minZoom; z <= header.maxZoom; z += 1) {
    const [west, north] = tileAt(header.minLon, header.maxLat, z);
    const [east, south] = tileAt(header.maxLon, header.minLat, z);
    // Some of each level, its corners among them.
    const columns = some(west, east);
    const rows = some(north, south);
    for (const x of columns) {
      for (const y of rows) {
        const ours = await archive.getZxy(z, x, y);
        const served = await fetch(`${base}/tiles/${id}/${z}/${x}/${y}.mvt`);
        const bytes = new Uint8Array(await served.arrayBuffer());
        if (!ours) {
          empty += 1;
          if (bytes.length > 0 && served.status === 200) faults.push(`${z}/${x}/${y} is served, and the archive lacks it`);
          continue;
        }
        tiles += 1;
        const same = Buffer.compare(Buffer.from(ours.data), Buffer.from(bytes)) === 0;
        if (!same) faults.push(`${z}/${x}/${y} differs from what is served`);
      }
    }
  }
  return { faults, tiles, empty, minZoom: header.minZoom, maxZoom: header.maxZoom };
}

/** The same of the archive in SWEREF 99 TM, around a place in metres: its tiles are stored deeper than they are addressed. */
export async function judgeSwedishPyramid(base, id, [easting, northing]) {
  const archive = new PMTiles(`${base}/tiles/${id}/SWEREF99TM.pmtiles`);
  const { tvilling } = await archive.getMetadata();
  const { tileMatrices } = await (await fetch(`${base}/tileMatrixSets/${tvilling.tile_matrix_set}`)).json();
  const [first, last] = tvilling.levels;
  const faults = [];
  let tiles = 0;
  for (let z = first; z <= last; z += 1) {
    const matrix = tileMatrices.find((level) => level.id === String(z));
    const [north, west] = matrix.pointOfOrigin;
    const side = matrix.cellSize * matrix.tileWidth;
    const [x, y] = [Math.floor((easting - west) / side), Math.floor((north - northing) / side)];
    for (const [column, row] of [[x, y], [x + 1, y], [x, y + 1]]) {
      const ours = await archive.getZxy(z + tvilling.zoom_shift, column, row);
      const served = await fetch(`${base}/tiles/${id}/SWEREF99TM/${z}/${column}/${row}.mvt`);
      const bytes = Buffer.from(served.status === 200 ? await served.arrayBuffer() : []);
      if (Buffer.compare(Buffer.from(ours?.data ?? []), bytes) !== 0) faults.push(`SWEREF99TM ${z}/${column}/${row} differs from what is served`);
      tiles += ours ? 1 : 0;
    }
  }
  return { faults, tiles, first, last };
}

function some(first, last) {
  const step = Math.max(1, Math.floor((last - first) / 6));
  const places = [];
  for (let place = first; place <= last; place += step) places.push(place);
  return places;
}

/** Column and row of the tile of WebMercatorQuad over a place. */
export function tileAt(lon, lat, z) {
  const side = 2 ** z;
  const sin = Math.sin((lat * Math.PI) / 180);
  const y = 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
  return [Math.floor(((lon + 180) / 360) * side), Math.floor(y * side)];
}
