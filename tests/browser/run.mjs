// The map page as people use it, against a running server, in a real browser.
//
//   node tests/browser/run.mjs BASE_URL SCREENSHOT_FOLDER [--at LON,LAT]
//
// The place must lie on a road that has signs and planned works; without one, the
// script finds such a road among the server's own features. Exit status 0 if
// everything holds, 1 with one line for each thing that does not. Reads
// TVILLING_BROWSER, the browser's program, and TVILLING_STAFF_KEY, a key for staff.

import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, report } from '../checks.mjs';
import { AXE, withBrowser } from './browser.mjs';

const [baseUrl, folder, flag, at] = process.argv.slice(2);
if (!baseUrl || !folder || (flag !== undefined && (flag !== '--at' || !at))) {
  console.error('usage: node tests/browser/run.mjs BASE_URL SCREENSHOT_FOLDER [--at LON,LAT]');
  process.exit(2);
}
const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
const [lon, lat] = at ? at.split(',').map(Number) : await busyRoad();
const ZOOM = 17;
const PATIENCE_MS = 60_000;
mkdirSync(folder, { recursive: true });

const axe = readFileSync(AXE, 'utf8');

/** A place in the middle of the road of which most is known: it has signs and planned works, and counted traffic if one has. */
async function busyRoad() {
  const items = async (collection) => {
    const response = await fetch(new URL(`collections/${collection}/items?limit=10000`, base));
    if (!response.ok) throw new Error(`${response.url} answers ${response.status}`);
    return (await response.json()).features;
  };
  const [roads, signs, works, counts] = await Promise.all(['road_links', 'signs', 'planned_works', 'traffic_counts'].map(items));
  const count = (records, road) => records.filter((record) => record.properties.link_id === road.properties.link_id).length;
  const best = roads
    .filter((road) => road.geometry && count(signs, road) > 0 && works.some((work) => work.geometry && work.properties.link_id === road.properties.link_id))
    .sort((a, b) => count(counts, b) - count(counts, a) || count(works, b) - count(works, a) || count(signs, b) - count(signs, a))[0];
  if (!best) throw new Error('no road has both signs and planned works');
  const line = best.geometry.type === 'MultiLineString' ? best.geometry.coordinates[0] : best.geometry.coordinates;
  const from = Math.floor((line.length - 1) / 2);
  const middle = [0, 1].map((axis) => (line[from][axis] + line[from + 1][axis]) / 2);
  console.log(`at    ${best.properties.gatunamn ?? best.id}, ${middle.join(',')}`);
  return middle;
}

/** Opens a page that notes every request to another host and every console error. */
async function visit(open, address, options = {}) {
  const { page, context } = await open({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1, ...options });
  const strangers = [];
  const errors = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== base.host) strangers.push(url.href);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(new URL(address, base).href);
  return { page, strangers, errors, close: () => context.close() };
}

async function mapIsDrawn(page) {
  await page.waitForSelector('html[data-ready="true"]', { timeout: PATIENCE_MS, state: 'attached' });
  await page.waitForTimeout(700);
}

async function answerIsOpen(page) {
  await page.waitForSelector('#answer-panel .card', { timeout: PATIENCE_MS });
  await page.waitForTimeout(500);
}

async function seriousFaults(page) {
  // By the browser's console, since the page's content security policy forbids foreign tags.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

async function isAccessible(page, state) {
  const found = await seriousFaults(page);
  expect(found.length === 0, `axe finds no serious fault: ${state}${found.length ? ` (${found.join('; ')})` : ''}`);
}

// Software rendering of a tilted map is slow; a picture may wait for it.
const shot = (page, name, options) => page.screenshot({ path: path.join(folder, `${name}.png`), timeout: 120_000, ...options });
const view = (rest = '') => `#${ZOOM}/${lat}/${lon}${rest}`;

await withBrowser(async (open) => {
  // --- A person at a desk ---
  const { page, strangers, errors, close } = await visit(open, `./${view()}`);
  await mapIsDrawn(page);
  await shot(page, 'desktop-start');
  await isAccessible(page, 'start, layers open');
  expect((await page.locator('#layers-panel .layer').count()) > 3, 'layers are listed');
  expect((await page.locator('#layers-panel .layer-group.department').count()) > 1, 'layers are grouped by department');
  expect(await page.locator('#synthetic-badge').isVisible(), 'a badge on the map says that data are made up');

  const box = await page.locator('#map canvas').boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await answerIsOpen(page);
  await shot(page, 'desktop-answer');
  const road = page.locator('.feature[data-collection="road_links"]').first();
  expect((await road.count()) === 1, 'the road answers the click');
  expect((await page.locator('#answer-title').innerText()).trim().length > 0, 'the answer has a title');
  expect(/\d+,\d\d\sm/.test(await page.locator('.ground').innerText()), 'the height of the ground is given in metres with a decimal comma');
  expect(/RH 2000/.test(await page.locator('.ground').innerText()), 'the height names its datum');
  expect((await road.locator('.condition-word').count()) > 0 && (await road.locator('.condition-bar').count()) > 0, 'the condition shows as word, number and colour');
  expect((await road.locator('.related.signs .sign-list li').count()) > 0, 'signs are listed along the road');
  expect((await road.locator('.related.works .timeline-row').count()) > 0, 'planned works show on a time line');
  expect((await page.locator('.badge.synthetic').count()) > 0, 'the card says that data are made up');
  expect(/Källa:/.test(await road.locator('.source').first().innerText()), 'the card names its source');
  await isAccessible(page, 'card open');

  for (const kind of ['works', 'signs', 'traffic', 'history']) {
    const section = road.locator(`.related.${kind}`).first();
    if ((await section.count()) === 0) continue;
    await section.scrollIntoViewIfNeeded();
    await shot(page, `card-${kind}`);
  }

  // The address restores the view, and Back works.
  const address = page.url();
  expect(/[#&]s=/.test(address), 'the address holds the place asked about');
  const title = await page.locator('#answer-title').innerText();
  await page.reload();
  await mapIsDrawn(page);
  await answerIsOpen(page);
  expect((await page.locator('#answer-title').innerText()) === title && page.url() === address, 'reloading changes nothing');
  await page.keyboard.press('Escape');
  expect(await page.locator('#answer-panel').isHidden(), 'Escape closes the answer');
  await page.goBack();
  await answerIsOpen(page);
  expect((await page.locator('#answer-title').innerText()) === title, 'Back opens the answer again');

  // Language.
  await page.click('#tool-language');
  expect((await page.locator('html').getAttribute('lang')) === 'en', 'the language switches to English');
  expect(/The ground is at/.test(await page.locator('.ground').innerText()), 'the open answer follows the language');
  await shot(page, 'desktop-english');
  await page.click('#tool-language');

  // Layers.
  const toggle = page.locator('#layers-panel .layer-group.department input[role=switch]').first();
  const before = await toggle.isChecked();
  await toggle.click();
  expect((await toggle.isChecked()) !== before && /[#&](on|off)=/.test(page.url()), 'a switched layer is in the address');
  await toggle.click();

  expect(strangers.length === 0, `no request left for another host${strangers.length ? ` (${strangers.join(', ')})` : ''}`);
  expect(errors.length === 0, `the console shows no error${errors.length ? ` (${errors.join(' | ')})` : ''}`);

  await close();

  // --- Keyboard only ---
  const keyboard = await visit(open, `./${view()}`, { viewport: { width: 1100, height: 700 } });
  await mapIsDrawn(keyboard.page);
  await keyboard.page.keyboard.press('Tab');
  await keyboard.page.keyboard.press('Enter');
  expect(await keyboard.page.evaluate(() => document.activeElement?.tagName === 'CANVAS'), 'Tab and Enter skip to the map');
  expect(await keyboard.page.locator('#crosshair').isVisible(), 'the crosshair shows while the keyboard holds the map');
  await shot(keyboard.page, 'keyboard-crosshair');
  await keyboard.page.keyboard.press('Enter');
  await answerIsOpen(keyboard.page);
  expect(await keyboard.page.evaluate(() => document.activeElement?.id === 'answer-title'), 'Enter asks about the middle and moves to the answer');
  expect((await keyboard.page.locator('[aria-live=polite]').first().innerText()).length > 0, 'the answer is announced');
  await keyboard.page.keyboard.press('Escape');
  expect((await keyboard.page.locator('#answer-panel').isHidden()) && (await keyboard.page.evaluate(() => document.activeElement?.tagName === 'CANVAS')), 'Escape goes back to the map');
  const camera = keyboard.page.url();
  await keyboard.page.keyboard.press('ArrowRight');
  const moved = await keyboard.page.waitForFunction((before) => location.href !== before, camera, { timeout: PATIENCE_MS }).then(() => true, () => false);
  expect(moved, 'arrows move the map');

  await keyboard.close();

  // --- A phone ---
  const phone = await visit(open, `./${view()}`, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await mapIsDrawn(phone.page);
  await shot(phone.page, 'phone-start');
  await phone.page.touchscreen.tap(195, 422);
  await answerIsOpen(phone.page);
  await shot(phone.page, 'phone-answer');
  const small = await phone.page.evaluate(() =>
    [...document.querySelectorAll('button, a[href], summary, input')]
      .filter((element) => element.checkVisibility() && !element.closest('.maplibregl-ctrl, .visually-hidden') && !element.classList.contains('skip'))
      .map((element) => ({ name: element.className || element.id || element.tagName, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.height > 0 && box.height < 43.5 && box.width < 300)
      .map(({ name, box }) => `${name} ${Math.round(box.width)}x${Math.round(box.height)}`),
  );
  expect(small.length === 0, `targets are at least 44 px on touch${small.length ? ` (${[...new Set(small)].join(', ')})` : ''}`);
  await isAccessible(phone.page, 'phone, card open');
  await phone.page.locator('#answer-panel .sheet-handle').click();
  await phone.page.waitForTimeout(400);
  await shot(phone.page, 'phone-answer-full');
  await phone.page.locator('#answer-panel .panel-head button').click();
  await phone.page.locator('#layers-panel .fold').click();
  await phone.page.waitForTimeout(400);
  await shot(phone.page, 'phone-layers');
  await isAccessible(phone.page, 'phone, layers open');

  await phone.close();

  // --- 3D ---
  const raised = await visit(open, `./${view()}`, { viewport: { width: 1200, height: 700 } });
  await mapIsDrawn(raised.page);
  await raised.page.locator('#layers-panel .fold').click();
  await raised.page.click('#tool-terrain');
  await raised.page.waitForTimeout(12_000);
  expect(/3d=1/.test(raised.page.url()), '3D is in the address');
  await shot(raised.page, 'desktop-3d');
  expect(raised.errors.length === 0, `the console shows no error in 3D${raised.errors.length ? ` (${raised.errors.join(' | ')})` : ''}`);
  await raised.close();

  // --- Dark ---
  const dark = await visit(open, `./${view(`&s=${lon},${lat},3`)}`, { colorScheme: 'dark' });
  await mapIsDrawn(dark.page);
  await answerIsOpen(dark.page);
  await shot(dark.page, 'desktop-dark');
  await isAccessible(dark.page, 'dark, card open');

  await dark.close();

  // --- When things go wrong ---
  const broken = await visit(open, `./${view()}`);
  await mapIsDrawn(broken.page);
  await broken.page.route('**/identify?*', (route) => route.fulfill({ status: 503, body: 'down' }));
  await broken.page.mouse.click(720, 450);
  await broken.page.waitForSelector('#answer-panel .error', { timeout: PATIENCE_MS });
  await shot(broken.page, 'error-answer');
  await isAccessible(broken.page, 'error');
  expect(await broken.page.locator('#answer-panel .primary').isVisible(), 'a failed answer offers to ask again');
  await broken.page.unroute('**/identify?*');
  await broken.page.locator('#answer-panel .primary').click();
  await answerIsOpen(broken.page);
  expect(true, 'asking again works');

  await broken.close();

  const layerless = await open({ viewport: { width: 1440, height: 900 } });
  await layerless.page.route('**/tiles/road_links/**', (route) => route.fulfill({ status: 500, body: '' }));
  await layerless.page.goto(new URL(`./${view()}`, base).href);
  await layerless.page.waitForTimeout(4000);
  await shot(layerless.page, 'error-layer');
  expect((await layerless.page.locator('#cover').isHidden()), 'a layer that fails does not blank the map');

  await layerless.context.close();

  // --- Without the map ---
  const list = await visit(open, `./?view=list${view(`&s=${lon},${lat},3`)}`, { viewport: { width: 800, height: 1000 } });
  await list.page.waitForSelector('.card', { timeout: PATIENCE_MS });
  await shot(list.page, 'list', { fullPage: true });
  await isAccessible(list.page, 'list without the map');
  expect((await list.page.locator('.feature').count()) > 0 && (await list.page.locator('canvas').count()) === 0, 'the list has the answer without a map');

  await list.close();

  // --- Staff ---
  const staff = await visit(open, `./${view()}`);
  await mapIsDrawn(staff.page);
  await staff.page.locator('.key-button').click();
  await shot(staff.page, 'key-dialog');
  await isAccessible(staff.page, 'key dialog');
  await staff.page.fill('#key', 'not-a-key');
  await staff.page.click('#key-dialog button[type=submit]');
  await staff.page.waitForFunction(() => /gäller inte/.test(document.getElementById('key-problem')?.textContent ?? ''), null, { timeout: PATIENCE_MS });
  expect(true, 'a wrong key is refused in words');
  if (process.env.TVILLING_STAFF_KEY) {
    const publicLayers = await staff.page.locator('#layers-panel .layer').count();
    await staff.page.fill('#key', process.env.TVILLING_STAFF_KEY);
    await staff.page.click('#key-dialog button[type=submit]');
    await staff.page.waitForFunction((count) => document.querySelectorAll('#layers-panel .layer').length > count, publicLayers, { timeout: PATIENCE_MS });
    await mapIsDrawn(staff.page);
    await shot(staff.page, 'staff');
    expect(true, 'staff see more layers than the public');
  }
});

console.log(`screenshots are in ${folder}`);
report();
