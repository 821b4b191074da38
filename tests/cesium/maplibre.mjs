// The same tiles as MVT and as MLT, drawn by MapLibre GL JS, pixel for pixel: but for rounding,
// since features may come in another order, and edges over each other are blended in it.

import path from 'node:path';
import { withBrowser } from '../browser/browser.mjs';
import { openPage, pageServer } from './pages.mjs';

const PATIENCE_MS = 90_000;

/** Draws collections around a place from both. Returns what was painted, and how many pixels differ. */
export async function drawBoth(base, folder, ids, center) {
  const { server, host } = await pageServer('maplibre.html', { '/maplibre-gl/': 'maplibre-gl/dist' });
  try {
    return await withBrowser(async (open) => {
      const { page, strangers, errors } = await openPage(open, [host, new URL(base).host], { viewport: { width: 800, height: 600 } });
      await page.waitForFunction(() => globalThis.maplibregl, undefined, { timeout: PATIENCE_MS });
      const seen = await page.evaluate(inPage, { base, ids, center });
      await page.screenshot({ path: path.join(folder, 'maplibre-mlt.png'), timeout: PATIENCE_MS });
      return { strangers, errors, ...seen };
    });
  } finally {
    server.close();
  }
}

/** Runs in the page: draws the one, then the other. */
async function inPage({ base, ids, center }) {
  // Of 255 shades.
  const ROUNDING = 4;
  const draw = async (encoding) => {
    const layers = ids.flatMap((id, i) => {
      const colour = `hsl(${(i * 67) % 360} 60% 45%)`;
      const of = (type, kind, paint) => ({ id: `${id} ${type}`, type, source: 'twin', 'source-layer': id, filter: ['==', ['geometry-type'], kind], paint });
      return [
        of('fill', 'Polygon', { 'fill-color': colour, 'fill-opacity': 0.6 }),
        of('line', 'LineString', { 'line-color': colour, 'line-width': 3 }),
        of('circle', 'Point', { 'circle-color': colour, 'circle-radius': 4 }),
      ];
    });
    document.getElementById('map').replaceChildren();
    const map = new globalThis.maplibregl.Map({
      container: 'map',
      center,
      zoom: 14.5,
      fadeDuration: 0,
      attributionControl: false,
      canvasContextAttributes: { preserveDrawingBuffer: true },
      style: { version: 8, sources: { twin: { type: 'vector', url: `${base}/tiles/${ids}.json${encoding === 'mlt' ? '?encoding=mlt' : ''}` } }, layers },
    });
    await new Promise((resolve) => map.once('idle', resolve));
    const copy = document.createElement('canvas');
    const canvas = map.getCanvas();
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0);
    const features = map.queryRenderedFeatures().map(({ id, layer, properties }) => JSON.stringify([id, layer.id, Object.entries(properties).sort()]));
    return { pixels: context.getImageData(0, 0, copy.width, copy.height).data, features: features.sort() };
  };
  const mvt = await draw('mvt');
  const mlt = await draw('mlt');
  let painted = 0;
  let different = 0;
  let worst = 0;
  for (let i = 0; i < mvt.pixels.length; i += 4) {
    if (mvt.pixels[i + 3] > 0) painted += 1;
    const by = Math.max(...[0, 1, 2, 3].map((c) => Math.abs(mvt.pixels[i + c] - mlt.pixels[i + c])));
    worst = Math.max(worst, by);
    if (by > ROUNDING) different += 1;
  }
  return {
    painted,
    different,
    worst,
    of: mvt.pixels.length / 4,
    features: mvt.features.length,
    sameFeatures: mvt.features.join('\n') === mlt.features.join('\n'),
  };
}
