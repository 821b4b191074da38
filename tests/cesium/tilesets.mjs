// A survey's tilesets, judged by other people's readers, tile by tile: 3d-tiles-tools walks
// them, gltf-validator reads every glTF, and the points are held to those that the `copc`
// package reads from the survey, each put into space by proj4.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { TilesetTraverser, TileFormats } = require('3d-tiles-tools');
const { validateBytes } = require('gltf-validator');
const { Copc } = require('copc');
const { LazPerf } = require('laz-perf');
const proj4 = require('proj4');

/** Sundsvall's own grid, that of the demo town, and the one of all of Sweden. */
proj4.defs('EPSG:3014', '+proj=tmerc +lat_0=0 +lon_0=17.25 +k=1 +x_0=150000 +y_0=0 +ellps=GRS80 +units=m +no_defs');
proj4.defs('EPSG:3006', '+proj=tmerc +lat_0=0 +lon_0=15 +k=0.9996 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m +no_defs');
proj4.defs('EPSG:4978', '+proj=geocent +datum=WGS84 +units=m +no_defs');

const NOISE = new Set([7, 18]);
/** Farthest that a point may lie from its true place. */
const PLACE_LIMIT_M = 0.01;
/** The same where a geoid raises it: how much the geoid leans over a tile. */
const RAISED_LIMIT_M = 0.1;

const worldFromLonlat = proj4('WGS84', 'EPSG:4978');

/**
 * Reads a survey, in a CRS, node by node over ranges of bytes; returns the shown points of
 * each by its key: place in the world, class, intensity. Faults of the file are sentences.
 */
export async function readCopc(url, crs) {
  const lonlatFromTwin = proj4(crs, 'WGS84');
  let requests = 0;
  const getter = async (begin, end) => {
    requests += 1;
    const response = await fetch(url, { headers: { range: `bytes=${begin}-${end - 1}` } });
    if (response.status !== 206) throw new Error(`${url} answers a range with ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const copc = await Copc.create(getter);
  const lazPerf = await LazPerf.create();
  const nodes = new Map();
  const faults = [];
  const { cube } = copc.info;
  const { scale } = copc.header;
  // A step over a side is the rounding of the side itself.
  const within = (at, low, high) => at.every((value, axis) => value >= low[axis] - scale[axis] && value <= high[axis] + scale[axis]);
  const known = new Set();
  const counts = [];
  let low = [Infinity, Infinity, Infinity];
  let high = [-Infinity, -Infinity, -Infinity];
  const pages = [copc.info.rootHierarchyPage];
  let total = 0;
  while (pages.length > 0) {
    const subtree = await Copc.loadHierarchyPage(getter, pages.pop());
    pages.push(...Object.values(subtree.pages).filter(Boolean));
    for (const [key, node] of Object.entries(subtree.nodes)) {
      if (!node) continue;
      if (known.has(key)) faults.push(`node ${key} comes twice`);
      known.add(key);
      if (node.pointCount === 0) continue;
      const view = await Copc.loadPointDataView(getter, copc, node, { lazPerf });
      if (view.pointCount !== node.pointCount) faults.push(`node ${key} has ${view.pointCount} points, and its entry says ${node.pointCount}`);
      const [level, ...place] = key.split('-').map(Number);
      counts[level] = (counts[level] ?? 0) + view.pointCount;
      const side = (cube[3] - cube[0]) / 2 ** level;
      const corner = place.map((at, axis) => cube[axis] + at * side);
      const opposite = corner.map((at) => at + side);
      let outside = 0;
      const get = Object.fromEntries(['X', 'Y', 'Z', 'Classification', 'Intensity', 'Withheld'].map((name) => [name, view.dimensions[name] ? view.getter(name) : () => 0]));
      const points = [];
      for (let i = 0; i < view.pointCount; i += 1) {
        const at = [get.X(i), get.Y(i), get.Z(i)];
        low = low.map((value, axis) => Math.min(value, at[axis]));
        high = high.map((value, axis) => Math.max(value, at[axis]));
        if (!within(at, corner, opposite)) outside += 1;
        if (NOISE.has(get.Classification(i)) || get.Withheld(i)) continue;
        const place = worldFromLonlat.forward([...lonlatFromTwin.forward([get.X(i), get.Y(i)]), get.Z(i)]);
        points.push([...place, get.Classification(i), get.Intensity(i)]);
      }
      if (outside > 0) faults.push(`node ${key} has ${outside} points outside its cube`);
      total += view.pointCount;
      nodes.set(key, points);
    }
  }
  for (const key of known) {
    const [level, ...place] = key.split('-').map(Number);
    const above = [level - 1, ...place.map((at) => at >> 1)].join('-');
    if (level > 0 && !known.has(above)) faults.push(`node ${key} has none above it`);
  }
  for (let level = 0; level < counts.length; level += 1) {
    if (!counts[level]) faults.push(`level ${level} of ${counts.length} has no points`);
  }
  const near = (some, others) => some.every((value, axis) => Math.abs(value - others[axis]) < scale[axis] / 2);
  if (!near(low, copc.header.min) || !near(high, copc.header.max)) faults.push(`points lie between ${low} and ${high}, and the header says ${copc.header.min} and ${copc.header.max}`);
  if (!within(copc.header.min, cube.slice(0, 3), cube.slice(3)) || !within(copc.header.max, cube.slice(0, 3), cube.slice(3))) faults.push('the bounds of the header lie outside the cube');
  return { nodes, faults, total, counts, known: known.size, header: copc.header, levels: counts.length, requests };
}

/** What 3d-tiles-tools reads files with: here, those of a server. */
class Server {
  constructor(base) {
    this.base = base;
  }
  resolveUri(uri) {
    return new URL(uri, this.base).href;
  }
  async resolveData(uri) {
    const response = await fetch(new URL(uri, this.base));
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  }
  async resolveDataPartial(uri, length) {
    return (await this.resolveData(uri))?.subarray(0, length);
  }
  derive(uri) {
    return new Server(new URL(uri.endsWith('/') ? uri : `${uri}/`, this.base));
  }
}

const cornersOf = ([cx, cy, cz, hx, , , , hy, , , , hz]) => [
  [cx - hx, cy - hy, cz - hz],
  [cx + hx, cy + hy, cz + hz],
];
const holds = ([low, high], point, slack = 0) => point.every((at, axis) => at >= low[axis] - slack && at <= high[axis] + slack);

/**
 * Walks a tileset and checks every tile of it. Returns what it found: faults, sentences;
 * the number of tiles and points, bytes, the farthest point from its true place, in metres.
 */
export async function judge(url, survey) {
  const found = { faults: [], tiles: 0, files: 0, points: 0, bytes: 0, farthest_m: 0, warnings: {}, infos: {} };
  const fault = (sentence) => found.faults.length < 20 && found.faults.push(sentence);
  const server = new Server(new URL('.', url));
  const tileset = JSON.parse((await server.resolveData(url)).toString());
  const world = tileset.root.transform;
  // With a geoid all points are raised by some tens of metres, nearly the same in one tile;
  // how much, the server's own tests know.
  const raised = tileset.asset.extras.heights.kind === 'ellipsoidal';
  found.raised_m = 0;
  const seen = new Set();
  const contents = [];
  const traverser = new TilesetTraverser('.', server, { depthFirst: false, traverseExternalTilesets: true });
  await traverser.traverse(tileset, async (traversed) => {
    const tile = traversed.asFinalTile();
    found.tiles += 1;
    const corners = cornersOf(tile.boundingVolume.box);
    const parent = traversed.getParent()?.asFinalTile();
    if (parent) {
      if (!(tile.geometricError <= parent.geometricError)) fault(`${traversed.path}: its error ${tile.geometricError} is over its parent's ${parent.geometricError}`);
      const around = cornersOf(parent.boundingVolume.box);
      if (!corners.every((corner) => holds(around, corner, 1e-9))) fault(`${traversed.path}: its box is not inside its parent's`);
    }
    if (!traversed.isImplicitTilesetRoot()) {
      for (const content of traversed.getFinalContents()) contents.push({ uri: traversed.getResourceResolver().resolveUri(content.uri), corners });
    }
    return true;
  });
  for (const { uri, corners } of contents) {
    if (new URL(uri).pathname.endsWith('.json')) continue;
    const response = await fetch(uri);
    if (!response.ok) {
      fault(`${uri} answers ${response.status}`);
      continue;
    }
    const bytes = Buffer.from(await response.arrayBuffer());
    found.files += 1;
    found.bytes += bytes.length;
    const key = /(\d+)\/(\d+)\/(\d+)\/(\d+)\.\w+$/.exec(new URL(uri).pathname)?.slice(1).join('-');
    if (seen.has(key)) fault(`${uri} comes for the second time`);
    seen.add(key);
    const truth = survey.nodes.get(key);
    if (!truth) {
      fault(`${uri} is no node of the survey`);
      continue;
    }
    const read = uri.includes('.glb') ? await readGlb(bytes, found, (sentence) => fault(`${uri}: ${sentence}`)) : readPnts(bytes);
    if (read.places.length !== truth.length) {
      fault(`${uri} has ${read.places.length} points instead of ${truth.length}`);
      continue;
    }
    found.points += truth.length;
    let lift = [0, 0, 0];
    for (let i = 0; i < truth.length; i += 1) {
      const place = read.places[i];
      if (!holds(corners, place)) fault(`${uri}: point ${i} lies outside of its tile's box`);
      const [x, y, z, classification, intensity] = truth[i];
      if (read.classes[i] !== classification || read.intensities[i] !== intensity) fault(`${uri}: point ${i} has another class or intensity`);
      const here = [0, 1, 2].map((row) => world[row] * place[0] + world[4 + row] * place[1] + world[8 + row] * place[2] + world[12 + row]);
      if (raised && i === 0) {
        lift = [here[0] - x, here[1] - y, here[2] - z];
        found.raised_m = Math.hypot(...lift);
      }
      found.farthest_m = Math.max(found.farthest_m, Math.hypot(here[0] - x - lift[0], here[1] - y - lift[1], here[2] - z - lift[2]));
    }
  }
  for (const key of survey.nodes.keys()) if (!seen.has(key)) fault(`node ${key} of the survey is in no tile`);
  if (raised && !(found.raised_m > 15 && found.raised_m < 50)) fault(`a geoid raises points by ${found.raised_m} m`);
  if (!(found.farthest_m <= (raised ? RAISED_LIMIT_M : PLACE_LIMIT_M))) fault(`a point lies ${found.farthest_m} m from its true place`);
  return found;
}

/** Reads the points of a glTF, turned back to z up, after the validator has. */
async function readGlb(bytes, found, fault) {
  const report = await validateBytes(new Uint8Array(bytes), { maxIssues: 100 });
  for (const { severity, code, message, pointer } of report.issues.messages) {
    if (severity <= 1) fault(`${code} at ${pointer}: ${message}`);
    else found.infos[code] = (found.infos[code] ?? 0) + 1;
  }
  const jsonLength = bytes.readUInt32LE(12);
  const gltf = JSON.parse(bytes.subarray(20, 20 + jsonLength).toString());
  const binary = bytes.subarray(20 + jsonLength + 8);
  const places = [];
  const classes = [];
  const intensities = [];
  for (const node of gltf.nodes ?? []) {
    const { attributes } = gltf.meshes[node.mesh].primitives[0];
    const at = (name) => {
      const accessor = gltf.accessors[attributes[name]];
      const view = gltf.bufferViews[accessor.bufferView];
      return { count: accessor.count, place: (i) => (view.byteOffset ?? 0) + (accessor.byteOffset ?? 0) + i * view.byteStride };
    };
    const [position, classification, intensity] = [at('POSITION'), at('_CLASSIFICATION'), at('_INTENSITY')];
    for (let i = 0; i < position.count; i += 1) {
      const [x, y, z] = [0, 4, 8].map((offset, axis) => binary.readFloatLE(position.place(i) + offset) + node.translation[axis]);
      places.push([x, -z, y]);
      classes.push(binary.readUInt8(classification.place(i)));
      intensities.push(binary.readUInt16LE(intensity.place(i)));
    }
  }
  return { places, classes, intensities };
}

function readPnts(bytes) {
  const { featureTable, batchTable } = TileFormats.readTileData(bytes);
  const count = featureTable.json.POINTS_LENGTH;
  const centre = featureTable.json.RTC_CENTER;
  const places = [];
  const classes = [];
  const intensities = [];
  for (let i = 0; i < count; i += 1) {
    places.push(centre.map((at, axis) => at + featureTable.binary.readFloatLE(featureTable.json.POSITION.byteOffset + i * 12 + axis * 4)));
    classes.push(batchTable.binary.readUInt8(batchTable.json.Classification.byteOffset + i));
    intensities.push(batchTable.binary.readUInt16LE(batchTable.json.Intensity.byteOffset + i * 2));
  }
  return { places, classes, intensities };
}

