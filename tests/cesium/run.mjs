// A survey and vector tiles as other people's clients read and draw them, against a running
// server.
//
//   node tests/cesium/run.mjs BASE_URL SURVEY SCREENSHOT_FOLDER
//
// The survey lies in EPSG:3014, as the demo town's, or EPSG:3006. Exit status 0 if everything holds, 1
// with one line for each thing that does not. Reads TVILLING_BROWSER, the browser's
// program; without one nothing is drawn.

import { mkdirSync } from 'node:fs';
import proj4 from 'proj4';
import { expect, report } from '../checks.mjs';
import { draw } from './draw.mjs';
import { drawBoth } from './maplibre.mjs';
import { judgeMlt, judgeNegotiation } from './mlt.mjs';
import { overlay } from './openlayers.mjs';
import { judgePyramid, judgeSwedishPyramid, tileAt } from './pyramid.mjs';
import { judgeTerrain } from './terrain.mjs';
import { judge, readCopc } from './tilesets.mjs';

const [base, survey, folder] = process.argv.slice(2);
if (!base || !survey || !folder) {
  console.error('usage: node tests/cesium/run.mjs BASE_URL SURVEY SCREENSHOT_FOLDER');
  process.exit(2);
}
/** The public collection of the demo town whose pyramid is read. */
const PYRAMID_OF = 'road_links';
/** The middle of the demo town in SWEREF 99 TM. */
const TOWN = [656_890, 6_921_155];
mkdirSync(folder, { recursive: true });
const tileset = (version, query = '') => `${base}/3dtiles/${survey}/${version === '1.0' ? '1.0/' : ''}tileset.json${query}`;

// --- COPC by ranges, with the reader of the viewers of COPC ---
const { storageCrs } = await (await fetch(`${base}/collections/${survey}`)).json();
const copc = await readCopc(`${base}/surveys/${survey}/points.copc.laz`, storageCrs.replace(/.*\/EPSG\/[^/]*\//, 'EPSG:'));
for (const sentence of copc.faults) expect(false, `copc: ${sentence}`);
expect(copc.faults.length === 0, `copc: ${copc.known} nodes have the points that their entries say, each in its cube and below another; by level ${copc.counts.join(', ')}; bounds are those of the header`);
expect(copc.total === copc.header.pointCount, `copc reads all ${copc.total} points of ${copc.levels} levels in ${copc.requests} ranges`);

// How far the server's geoid raises points.
let raised_m = 0;

// --- PMTiles by ranges, with the reader of browsers ---
const pyramid = await judgePyramid(base, PYRAMID_OF);
for (const sentence of pyramid.faults) expect(false, `PMTiles: ${sentence}`);
expect(pyramid.tiles > 30 && pyramid.faults.length === 0, `PMTiles: ${pyramid.tiles} tiles of levels ${pyramid.minZoom} to ${pyramid.maxZoom} are those that the server answers with, and ${pyramid.empty} are empty`);

const swedish = await judgeSwedishPyramid(base, PYRAMID_OF, TOWN);
for (const sentence of swedish.faults) expect(false, `PMTiles: ${sentence}`);
// At the first level the town is smaller than a pixel, and its streets are not shown.
expect(swedish.tiles >= swedish.last - swedish.first && swedish.faults.length === 0, `PMTiles: ${swedish.tiles} tiles of levels ${swedish.first} to ${swedish.last} of SWEREF99TM lie where its metadata says`);

// --- MapLibre tiles, with the decoder of MapLibre ---
const mlt = await judgeMlt(base);
for (const sentence of mlt.faults.slice(0, 20)) expect(false, `MLT: ${sentence}`);
expect(mlt.tiles > 300 && mlt.features > 5000 && mlt.faults.length === 0, `MLT: ${mlt.features} features in ${mlt.tiles} tiles of ${mlt.sizes.size} collections are those of the MVT tiles, in ids, attributes and geometry`);
for (const [id, { tiles, mvt, mvtGzip, mlt: raw, mltGzip }] of mlt.sizes) {
  console.log(`MLT   ${id}: ${tiles} tiles, ${mvt} bytes to ${raw}, ${mvtGzip} to ${mltGzip} with gzip`);
}
const TOWN_LAYERS = ['land_cover', 'buildings', 'road_links'];
const townAt = proj4('+proj=utm +zone=33 +ellps=GRS80 +units=m', 'WGS84', TOWN);
const negotiated = await judgeNegotiation(base, TOWN_LAYERS.join(), [14, ...tileAt(...townAt, 14)]);
for (const sentence of negotiated) expect(false, `MLT: ${sentence}`);
expect(negotiated.length === 0, 'MLT: Accept and f choose between MVT and MLT where the address does not');

// --- 3D Tiles, with 3d-tiles-tools and gltf-validator ---
for (const version of ['1.1', '1.0']) {
  const found = await judge(tileset(version), copc);
  raised_m = found.raised_m;
  for (const sentence of found.faults) expect(false, `3D Tiles ${version}: ${sentence}`);
  const shown = [...copc.nodes.values()].reduce((sum, points) => sum + points.length, 0);
  expect(found.points === shown, `3D Tiles ${version}: ${found.points} of ${shown} points that are no noise come once, in ${found.files} files of ${(found.bytes / 1e6).toFixed(1)} MB`);
  expect(found.faults.length === 0, `3D Tiles ${version}: ${found.tiles} tiles hold their points and children; no point is over ${(found.farthest_m * 1000).toFixed(3)} mm from its place`);
}

// --- Terrain, with the decoder of HERE ---
const terrain = await judgeTerrain(`${base}/terrain/${survey}/`);
for (const sentence of terrain.faults) expect(false, `terrain: ${sentence}`);
expect(terrain.tiles > 30 && terrain.faults.length === 0, `terrain: ${terrain.tiles} tiles of levels 0 to ${terrain.deepest} are decoded, and ${terrain.edges} shared edges join`);

// --- CesiumJS ---
if (process.env.TVILLING_BROWSER) {
  const layer = `${base}/terrain/${survey}/`;
  const some = [...copc.nodes.values()].flat().filter(([, , , classification], i) => classification === 2 && i % 997 === 0);
  const ground = some.map(([x, y, z]) => [x, y, z]);
  const scenes = await draw(base, folder, [
    { name: 'points-1.1', tileset: tileset('1.1') },
    { name: 'points-1.0', tileset: tileset('1.0', '?color=height') },
    { name: 'points-on-terrain', tileset: tileset('1.1', '?color=class'), terrain: layer, ground, raised_m },
  ]);
  for (const { scene, strangers, errors, failed, loaded, points, coloured, colours, of, above } of scenes) {
    expect(strangers.length === 0, `CesiumJS, ${scene}: no other host is asked for anything${strangers.length ? `: ${strangers}` : ''}`);
    expect(errors.length === 0 && failed.length === 0, `CesiumJS, ${scene}: no error${[...errors, ...failed].map((error) => `: ${error}`).join('')}`);
    expect(loaded > 1 && points > 10_000, `CesiumJS, ${scene}: ${loaded} tiles load, and ${points} points are drawn`);
    expect(coloured > of / 20 && colours > 20, `CesiumJS, ${scene}: ${coloured} of ${of} pixels are painted, in ${colours} colours`);
    if (above) expect(above.count > 100 && Math.abs(above.median) < 0.25, `CesiumJS, ${scene}: the median of ${above.count} ground points lies ${above.median.toFixed(2)} m above the terrain that is drawn`);
  }

  const maps = await drawBoth(base, folder, TOWN_LAYERS, townAt);
  expect(maps.strangers.length === 0 && maps.errors.length === 0, `MapLibre GL JS: no error, and no other host is asked for anything${[...maps.strangers, ...maps.errors].map((fault) => `: ${fault}`).join('')}`);
  expect(maps.painted > maps.of / 5 && maps.features > 100 && maps.different === 0 && maps.sameFeatures, `MapLibre GL JS: ${maps.painted} of ${maps.of} pixels are painted, with ${maps.features} features, and ${maps.different} differ between MVT and MLT by more than rounding`);

  const grids = await overlay(base, folder, 'buildings', TOWN);
  expect(grids.strangers.length === 0 && grids.errors.length === 0, `OpenLayers: no error, and no other host is asked for anything${[...grids.strangers, ...grids.errors].map((fault) => `: ${fault}`).join('')}`);
  for (const [set, { corners, worst, over }] of Object.entries(grids.off)) {
    expect(corners > 100 && over === 0, `OpenLayers, ${set} tiles: ${corners} corners of ${grids.houses} houses lie within ${worst.toFixed(2)} pixels of their places, ${over} further than one`);
  }
  expect(grids.filled > 5000 && grids.stray === 0, `OpenLayers: houses fill ${grids.filled} pixels from tiles of SWEREF99TM and ${grids.filledOther} of WebMercatorQuad; ${grids.stray} lie further than one pixel from those of the other`);
} else {
  console.log('SKIPPED: no Chromium, so that CesiumJS, MapLibre GL JS and OpenLayers draw nothing');
}

report();
