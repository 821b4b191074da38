// A survey as CesiumJS draws it in headless Chromium, which may talk to nobody but the
// server under test and the one that hands out CesiumJS itself.

import path from 'node:path';
import { withBrowser } from '../browser/browser.mjs';
import { openPage, pageServer } from './pages.mjs';

const PATIENCE_MS = 90_000;

/**
 * Draws each scene: { name, tileset, terrain, ground, raised_m }. Returns for each what was loaded and
 * drawn, and whatever went wrong.
 */
export async function draw(base, folder, scenes) {
  const { server, host } = await pageServer('page.html', { '/cesium/': 'cesium/Build/Cesium' });
  const results = [];
  try {
    await withBrowser(async (open) => {
      for (const scene of scenes) {
        const { page, context, strangers, errors } = await openPage(open, [host, new URL(base).host], { viewport: { width: 720, height: 480 } });
        await page.waitForFunction(() => globalThis.Cesium, undefined, { timeout: PATIENCE_MS });
        const seen = await page.evaluate(inPage, { ...scene, patienceMs: PATIENCE_MS });
        await page.screenshot({ path: path.join(folder, `cesium-${scene.name}.png`), timeout: PATIENCE_MS });
        await context.close();
        results.push({ scene: scene.name, strangers, errors, ...seen });
      }
    });
  } finally {
    server.close();
  }
  return results;
}

/** Runs in the page: loads, waits until nothing more is to come, and counts pixels. */
async function inPage({ tileset: tilesetUrl, terrain, ground, raised_m, patienceMs }) {
  const Cesium = globalThis.Cesium;
  Cesium.Ion.defaultAccessToken = '';
  const widget = new Cesium.CesiumWidget('scene', {
    baseLayer: false,
    globe: terrain ? undefined : false,
    skyBox: false,
    skyAtmosphere: false,
    // Frames are drawn when there is reason to: each takes half a second of the processor.
    useDefaultRenderLoop: false,
    // Without smoothing a pixel has a point's own colour or the background's.
    msaaSamples: 1,
    contextOptions: { webgl: { preserveDrawingBuffer: true } },
  });
  const { scene } = widget;
  scene.backgroundColor = Cesium.Color.BLACK;
  const seen = { loaded: 0, failed: [], points: 0, coloured: 0, colours: 0 };
  const until = async (holds) => {
    const end = performance.now() + patienceMs;
    while (!holds()) {
      if (performance.now() > end) return false;
      widget.resize();
      widget.render();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return true;
  };
  let provider;
  if (terrain) {
    provider = await Cesium.CesiumTerrainProvider.fromUrl(terrain, { requestVertexNormals: true });
    widget.terrainProvider = provider;
    scene.globe.baseColor = new Cesium.Color(0.35, 0.45, 0.3, 1);
    // From the north-west, so that normals show.
    scene.globe.enableLighting = true;
    scene.globe.dynamicAtmosphereLighting = false;
    scene.globe.showGroundAtmosphere = false;
    scene.light = new Cesium.DirectionalLight({ direction: new Cesium.Cartesian3(-0.85, 0.2, -0.5) });
    scene.globe.depthTestAgainstTerrain = true;
  }
  let tileset;
  if (tilesetUrl) {
    tileset = await Cesium.Cesium3DTileset.fromUrl(tilesetUrl, { maximumScreenSpaceError: 16 });
    tileset.pointCloudShading = new Cesium.PointCloudShading({ attenuation: true, geometricErrorScale: 0.25, maximumAttenuation: 6 });
    tileset.tileLoad.addEventListener(() => (seen.loaded += 1));
    tileset.tileFailed.addEventListener(({ url, message }) => seen.failed.push(`${url}: ${message}`));
    scene.primitives.add(tileset);
    const sphere = tileset.boundingSphere;
    widget.camera.viewBoundingSphere(sphere, new Cesium.HeadingPitchRange(0.4, -0.6, sphere.radius * 1.1));
    widget.camera.lookAtTransform(Cesium.Matrix4.IDENTITY);
    // A subtree that has come makes tiles that are still to come.
    await until(() => tileset.tilesLoaded && tileset.statistics.numberOfPointsSelected > 0);
  }
  if (terrain) await until(() => scene.globe.tilesLoaded);
  // Once more, with all that was loaded.
  widget.render();
  if (tileset) {
    seen.points = tileset.statistics.numberOfPointsSelected;
    seen.tiles = tileset.statistics.selected;
  }
  if (ground) {
    // Ground points of the survey against the terrain under them, as CesiumJS has it.
    const places = ground.map(([x, y, z]) => Cesium.Cartographic.fromCartesian(new Cesium.Cartesian3(x, y, z)));
    const heights = places.map((place) => place.height + raised_m);
    await Cesium.sampleTerrainMostDetailed(provider, places);
    const above = places.map((place, i) => heights[i] - place.height).filter(Number.isFinite).sort((a, b) => a - b);
    const at = (share) => above[Math.floor(above.length * share)];
    seen.above = { count: above.length, median: at(0.5), p5: at(0.05), p95: at(0.95) };
  }
  const canvas = scene.canvas;
  const copy = document.createElement('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, copy.width, copy.height).data;
  const colours = new Map();
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i] + pixels[i + 1] + pixels[i + 2] === 0) continue;
    seen.coloured += 1;
    const colour = `${pixels[i]},${pixels[i + 1]},${pixels[i + 2]}`;
    colours.set(colour, (colours.get(colour) ?? 0) + 1);
  }
  seen.colours = colours.size;
  seen.common = [...colours].sort((a, b) => b[1] - a[1]).slice(0, 8);
  seen.of = pixels.length / 4;
  return seen;
}
