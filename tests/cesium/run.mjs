// A survey as other people's clients read and draw it, against a running server.
//
//   node tests/cesium/run.mjs BASE_URL SURVEY SCREENSHOT_FOLDER
//
// The survey lies in EPSG:3014, as the demo town's, or EPSG:3006. Exit status 0 if everything holds, 1
// with one line for each thing that does not. Reads TVILLING_BROWSER, the browser's
// program; without one nothing is drawn.

import { mkdirSync } from 'node:fs';
import { expect, report } from '../checks.mjs';
import { draw } from './draw.mjs';
import { judgePyramid, judgeSwedishPyramid } from './pyramid.mjs';
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
expect(swedish.tiles > swedish.last - swedish.first && swedish.faults.length === 0, `PMTiles: ${swedish.tiles} tiles of levels ${swedish.first} to ${swedish.last} of SWEREF99TM lie where its metadata says`);

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
} else {
  console.log('SKIPPED: no Chromium, so that CesiumJS draws nothing');
}

report();
