// MapLibre tiles held to MVT tiles of the same address, each read by the decoder of its makers:
// the same layers, features, ids, attributes and geometry. Counts bytes.

import { register } from 'node:module';
import { request } from 'node:http';
import { PbfReader } from 'pbf';
import { VectorTile } from '@mapbox/vector-tile';
import { tileAt } from './pyramid.mjs';

register('./bare.mjs', import.meta.url);
const { decodeTile } = await import('@maplibre/mlt');

const MLT = 'application/vnd.maplibre-tile';
/** Tiles of a level along each side, at most. */
const ACROSS = 4;

/**
 * Compares tiles of all collections that the public sees, levels 8 to 16 in WebMercatorQuad.
 * Returns what was found, and bytes by collection: tiles, raw and with gzip, MVT and MLT.
 */
export async function judgeMlt(base) {
  const { collections } = await getJson(`${base}/collections`);
  const faults = [];
  const sizes = new Map();
  let tiles = 0;
  let features = 0;
  for (const { id, links } of collections) {
    if (!links.some(({ rel }) => rel.endsWith('/tilesets-vector'))) continue;
    const tilejson = await getJson(`${base}/tiles/${id}.json?encoding=mlt`);
    if (tilejson.encoding !== 'mlt' || !tilejson.tiles[0].endsWith('.mlt')) faults.push(`${id}: its TileJSON tells of ${tilejson.encoding} at ${tilejson.tiles[0]}`);
    const size = { tiles: 0, mvt: 0, mvtGzip: 0, mlt: 0, mltGzip: 0 };
    for (const [z, x, y] of addresses(tilejson.bounds, 8, 16)) {
      const address = `${base}/tiles/${id}/${z}/${x}/${y}`;
      const mvt = await get(`${address}.mvt`);
      const mlt = await get(`${address}.mlt`);
      if (mvt.status !== mlt.status) {
        faults.push(`${address}: MVT is answered with ${mvt.status}, MLT with ${mlt.status}`);
        continue;
      }
      if (mvt.status !== 200) continue;
      if (mlt.headers['content-type'] !== MLT) faults.push(`${address}.mlt is ${mlt.headers['content-type']}`);
      tiles += 1;
      size.tiles += 1;
      size.mvt += mvt.body.length;
      size.mlt += mlt.body.length;
      size.mvtGzip += (await get(`${address}.mvt`, { 'accept-encoding': 'gzip' })).body.length;
      size.mltGzip += (await get(`${address}.mlt`, { 'accept-encoding': 'gzip' })).body.length;
      const [one, other] = [layersOfMvt(mvt.body), layersOfMlt(mlt.body)];
      features += one.reduce((sum, layer) => sum + layer.features.length, 0);
      const difference = differenceOf(one, other);
      if (difference) faults.push(`${address}: ${difference}`);
    }
    sizes.set(id, size);
  }
  return { faults, tiles, features, sizes };
}

/** Compares tiles of several collections at once, and addresses that leave the choice to Accept. */
export async function judgeNegotiation(base, ids, [z, x, y]) {
  const faults = [];
  const by = async (address, accept) => (await get(`${base}${address}`, accept ? { accept } : {})).body;
  const mlt = await by(`/tiles/${ids}/${z}/${x}/${y}.mlt`);
  const names = layersOfMlt(mlt).map(({ name }) => name);
  if (names.join() !== ids) faults.push(`its layers are ${names}`);
  const mvt = await by(`/tiles/${ids}/${z}/${x}/${y}.mvt`);
  for (const [accept, wanted] of [[MLT, mlt], ['application/vnd.mapbox-vector-tile', mvt], ['*/*', mvt], [undefined, mvt]]) {
    if (Buffer.compare(await by(`/tiles/${ids}/${z}/${x}/${y}`, accept), wanted) !== 0) faults.push(`Accept: ${accept} is not heeded`);
  }
  const [one] = ids.split(',');
  const rows = `/collections/${one}/tiles/WebMercatorQuad/${z}/${y}/${x}`;
  const alone = await by(`/tiles/${one}/${z}/${x}/${y}.mlt`);
  for (const [address, accept] of [[rows, MLT], [`${rows}?f=mlt`, '*/*']]) {
    if (Buffer.compare(await by(address, accept), alone) !== 0) faults.push(`${address} with Accept: ${accept} is another tile`);
  }
  return faults;
}

function get(url, headers = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { 'accept-encoding': 'identity', ...headers } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function getJson(url) {
  return JSON.parse((await get(url)).body);
}

function layersOfMvt(bytes) {
  const { layers } = new VectorTile(new PbfReader(bytes));
  return Object.values(layers).map((layer) => ({
    name: layer.name,
    extent: layer.extent,
    features: Array.from({ length: layer.length }, (_, i) => {
      const feature = layer.feature(i);
      return { id: feature.id, type: feature.type, properties: feature.properties, geometry: plain(feature.loadGeometry()) };
    }),
  }));
}

function layersOfMlt(bytes) {
  return decodeTile(new Uint8Array(bytes)).map((table) => ({
    name: table.name,
    extent: table.extent,
    features: table.getFeatures().map(({ id, geometry, properties }) => ({
      id: Number(id),
      // Point, line and polygon, and then several of each.
      type: (geometry.type % 3) + 1,
      properties,
      geometry: plain(geometry.coordinates),
    })),
  }));
}

function plain(paths) {
  return paths.map((path) => path.map(({ x, y }) => [x, y]));
}

/** What two lists of layers differ in first, in words; nothing if they are the same. */
function differenceOf(one, other) {
  const names = (layers) => layers.map(({ name, extent, features }) => `${name} (${extent}) with ${features.length}`).join(', ');
  if (names(one) !== names(other)) return `MVT has ${names(one)}, MLT ${names(other)}`;
  // Their order may differ: it is that of ids where decoders in JavaScript would else misread these.
  const byId = (layer) => [...layer.features].sort((a, b) => a.id - b.id);
  for (const [l, layer] of one.entries()) {
    const twins = byId(other[l]);
    for (const [f, feature] of byId(layer).entries()) {
      const twin = twins[f];
      for (const part of ['id', 'type', 'properties', 'geometry']) {
        const [a, b] = [text(feature[part]), text(twin[part])];
        if (a !== b) return `feature ${feature.id} of ${layer.name}: its ${part} is ${a} in MVT, ${b} in MLT`;
      }
    }
  }
  return undefined;
}

/** A value with its types; attributes in the order of their names. */
function text(value) {
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(text)}]`;
  return `{${Object.keys(value).sort().map((key) => `${key}: ${text(value[key])}`)}}`;
}

/** Some tiles of each level over a box in degrees. */
function* addresses([west, south, east, north], first, last) {
  for (let z = first; z <= last; z += 1) {
    const [left, top] = tileAt(west, north, z);
    const [right, bottom] = tileAt(east, south, z);
    for (const x of some(left, right)) for (const y of some(top, bottom)) yield [z, x, y];
  }
}

function some(first, last) {
  const step = Math.max(1, Math.ceil((last - first + 1) / ACROSS));
  const places = [];
  for (let place = first; place <= last; place += step) places.push(place);
  return places;
}
