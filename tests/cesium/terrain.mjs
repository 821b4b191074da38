// A survey's quantized mesh, decoded by HERE's decoder: every tile of the upper levels and
// some of the deepest, joined at the edges they share.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { default: decode } = require('@here/quantized-mesh-decoder');

/** Most tiles of a level that are looked at. */
const TILES_OF_LEVEL = 16;

/** Returns what it found: faults, sentences; the number of tiles and of shared edges; the deepest level. */
export async function judgeTerrain(base) {
  const found = { faults: [], tiles: 0, edges: 0, deepest: 0 };
  const fault = (sentence) => found.faults.length < 20 && found.faults.push(sentence);
  const layer = await (await fetch(new URL('layer.json', base))).json();
  found.deepest = layer.maxzoom;
  if (layer.format !== 'quantized-mesh-1.0' || layer.scheme !== 'tms' || layer.available.length !== layer.maxzoom + 1) fault(`layer.json describes no quantized mesh: ${JSON.stringify(layer).slice(0, 200)}`);
  const tile = async (z, x, y) => {
    const url = new URL(layer.tiles[0].replace('{z}', z).replace('{x}', x).replace('{y}', y), new URL('layer.json', base));
    const response = await fetch(url);
    if (!response.ok || response.headers.get('content-type') !== 'application/vnd.quantized-mesh' || response.headers.get('content-encoding') !== 'gzip') {
      fault(`${url} answers ${response.status} ${response.headers.get('content-type')} ${response.headers.get('content-encoding')}`);
      return undefined;
    }
    found.tiles += 1;
    return decode(await response.arrayBuffer());
  };
  /** Vertices of an edge as text: place along it, and height in metres. */
  const edge = ({ header, vertexData, ...rest }, name, along) => {
    const count = vertexData.length / 3;
    const height = (i) => header.minHeight + (vertexData[2 * count + i] / 32767) * (header.maxHeight - header.minHeight);
    const place = (i) => vertexData[along * count + i];
    return [...rest[`${name}Indices`]].sort((a, b) => place(a) - place(b)).map((i) => `${place(i)} ${height(i).toFixed(4)}`).join();
  };
  for (const [z, [{ startX, endX, startY, endY }]] of layer.available.entries()) {
    const side = Math.ceil(Math.sqrt(TILES_OF_LEVEL));
    const from = [startX + Math.max(0, Math.floor((endX - startX + 1 - side) / 2)), startY + Math.max(0, Math.floor((endY - startY + 1 - side) / 2))];
    const row = new Map();
    for (let x = from[0]; x <= Math.min(endX, from[0] + side - 1); x += 1) {
      for (let y = from[1]; y <= Math.min(endY, from[1] + side - 1); y += 1) {
        const here = await tile(z, x, y);
        if (!here) continue;
        row.set(`${x} ${y}`, here);
        if (!here.extensions?.vertexNormals || here.extensions.vertexNormals.length !== (here.vertexData.length / 3) * 2) fault(`${z}/${x}/${y} has no normals`);
        const west = row.get(`${x - 1} ${y}`);
        const south = row.get(`${x} ${y - 1}`);
        if (west) {
          found.edges += 1;
          if (edge(west, 'east', 1) !== edge(here, 'west', 1)) fault(`${z}/${x}/${y} does not join the tile to the west`);
        }
        if (south) {
          found.edges += 1;
          if (edge(south, 'north', 0) !== edge(here, 'south', 0)) fault(`${z}/${x}/${y} does not join the tile to the south`);
        }
      }
    }
  }
  return found;
}
