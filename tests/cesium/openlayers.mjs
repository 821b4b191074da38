// Houses from tiles of SWEREF99TM and of WebMercatorQuad, drawn by OpenLayers in a map of
// SWEREF 99 TM: it reprojects the second, and both must lie on each other and on the houses.

import path from 'node:path';
import { withBrowser } from '../browser/browser.mjs';
import { openPage, pageServer } from './pages.mjs';

const PATIENCE_MS = 90_000;

/** Draws a collection of areas around a place in SWEREF 99 TM from both sets. Returns what was found. */
export async function overlay(base, folder, id, place) {
  const { server, host } = await pageServer('openlayers.html', { '/ol/': 'ol/dist', '/proj4/': 'proj4/dist' });
  try {
    return await withBrowser(async (open) => {
      const { page, strangers, errors } = await openPage(open, [host, new URL(base).host], { viewport: { width: 1000, height: 700 } });
      await page.waitForFunction(() => globalThis.ol && globalThis.proj4, undefined, { timeout: PATIENCE_MS });
      const seen = await page.evaluate(inPage, { base, id, place });
      await page.screenshot({ path: path.join(folder, 'openlayers-two-grids.png'), timeout: PATIENCE_MS });
      return { strangers, errors, ...seen };
    });
  } finally {
    server.close();
  }
}

/** Runs in the page. */
async function inPage({ base, id, place }) {
  const { ol, proj4 } = globalThis;
  const SWEDISH = 'EPSG:3006';
  proj4.defs(SWEDISH, '+proj=utm +zone=33 +ellps=GRS80 +units=m +no_defs');
  ol.proj.proj4.register(proj4);

  const { tileMatrices } = await (await fetch(`${base}/tileMatrixSets/SWEREF99TM`)).json();
  const [north, west] = tileMatrices[0].pointOfOrigin;
  const grid = new ol.tilegrid.TileGrid({
    origin: [west, north],
    resolutions: tileMatrices.map(({ cellSize }) => cellSize),
    sizes: tileMatrices.map(({ matrixWidth, matrixHeight }) => [matrixWidth, matrixHeight]),
    tileSize: tileMatrices[0].tileWidth,
  });
  const sources = {
    swedish: new ol.source.VectorTile({ format: new ol.format.MVT(), projection: SWEDISH, tileGrid: grid, url: `${base}/tiles/${id}/SWEREF99TM/{z}/{x}/{y}.mvt` }),
    mercator: new ol.source.VectorTile({ format: new ol.format.MVT(), maxZoom: 16, url: `${base}/tiles/${id}/{z}/{x}/{y}.mvt` }),
  };
  const filled = (colour) => new ol.style.Style({ fill: new ol.style.Fill({ color: colour }) });
  const layer = (source, colour) => new ol.layer.VectorTile({ source, style: filled(colour), renderMode: 'vector', visible: false });
  const layers = { swedish: layer(sources.swedish, '#000000'), mercator: layer(sources.mercator, '#000000') };
  const map = new ol.Map({
    target: 'map',
    controls: [],
    layers: Object.values(layers),
    view: new ol.View({ projection: SWEDISH, center: place, resolution: 0.5 }),
  });
  const drawn = async () => {
    await new Promise((resolve) => {
      map.once('rendercomplete', resolve);
      map.render();
    });
    const [width, height] = map.getSize();
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [width, height];
    const context = copy.getContext('2d');
    for (const canvas of document.querySelectorAll('.ol-layer canvas')) {
      const scale = canvas.style.transform.match(/^matrix\(([^)]*)\)$/)?.[1].split(',').map(Number) ?? [1, 0, 0, 1, 0, 0];
      context.setTransform(...scale);
      context.drawImage(canvas, 0, 0);
    }
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, alpha: data.filter((_, i) => i % 4 === 3) };
  };
  const pictures = {};
  const corners = {};
  for (const [name, shown] of Object.entries(layers)) {
    // As they come, in the coordinates of their set: OpenLayers 10.10 finds none again of tiles that it reprojects.
    const read = [];
    sources[name].on('tileloadend', ({ tile }) => read.push(...tile.getFeatures()));
    shown.setVisible(true);
    pictures[name] = await drawn();
    shown.setVisible(false);
    // Where each house's corners are, in pixels.
    corners[name] = new Map();
    for (const feature of read) {
      const flat = feature.getFlatCoordinates();
      const known = corners[name].get(feature.getId()) ?? [];
      for (let i = 0; i < flat.length; i += 2) {
        const place = ol.proj.transform([flat[i], flat[i + 1]], sources[name].getProjection(), SWEDISH);
        known.push(map.getPixelFromCoordinate(place));
      }
      corners[name].set(feature.getId(), known);
    }
  }

  // The houses themselves, by their place in degrees.
  const [minX, minY, maxX, maxY] = ol.proj.transformExtent(map.getView().calculateExtent(), SWEDISH, 'EPSG:4326');
  const { features } = await (await fetch(`${base}/collections/${id}/items?limit=10000&bbox=${[minX, minY, maxX, maxY]}`)).json();
  const { width, height } = pictures.swedish;
  const inside = ([x, y]) => x > 2 && y > 2 && x < width - 2 && y < height - 2;
  const off = { swedish: [], mercator: [] };
  for (const { id: fid, geometry } of features) {
    const rings = geometry.type === 'Polygon' ? geometry.coordinates : geometry.coordinates.flat();
    for (const corner of rings.flat()) {
      const at = map.getPixelFromCoordinate(ol.proj.fromLonLat(corner, SWEDISH));
      if (!inside(at)) continue;
      for (const name of Object.keys(off)) {
        const distances = (corners[name].get(Number(fid)) ?? []).map(([x, y]) => Math.hypot(x - at[0], y - at[1]));
        off[name].push(Math.min(Infinity, ...distances));
      }
    }
  }

  // Pixels of one picture that are filled, and neither are nor touch any in the other.
  const stray = (one, other) => {
    let count = 0;
    for (let y = 1; y < height - 1; y += 1) {
      for (let x = 1; x < width - 1; x += 1) {
        if (one.alpha[y * width + x] < 128) continue;
        let near = false;
        for (let dy = -1; dy <= 1; dy += 1) for (let dx = -1; dx <= 1; dx += 1) near ||= other.alpha[(y + dy) * width + x + dx] > 0;
        if (!near) count += 1;
      }
    }
    return count;
  };
  const filledIn = (picture) => picture.alpha.reduce((sum, alpha) => sum + (alpha > 127 ? 1 : 0), 0);

  // Both at once, for those who look.
  layers.swedish.setStyle(filled('rgba(0, 90, 200, 0.5)'));
  layers.mercator.setStyle(filled('rgba(220, 60, 0, 0.5)'));
  for (const shown of Object.values(layers)) shown.setVisible(true);
  await drawn();
  return {
    houses: features.length,
    off: Object.fromEntries(Object.entries(off).map(([name, all]) => [name, { corners: all.length, worst: Math.max(...all), over: all.filter((px) => px > 1).length }])),
    filled: filledIn(pictures.swedish),
    filledOther: filledIn(pictures.mercator),
    stray: stray(pictures.swedish, pictures.mercator) + stray(pictures.mercator, pictures.swedish),
  };
}
