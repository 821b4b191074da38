// A headless Chromium that must not talk to anyone but the server under test.

import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

// The packages are those of the page, so that there is one lock file.
const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
export const AXE = require.resolve('axe-core/axe.min.js');

const CHROMIUM = process.env.TVILLING_BROWSER ?? '/usr/bin/chromium';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Runs `work` with a way to open pages, each with a profile of its own, and closes everything after it. */
export async function withBrowser(work) {
  const profiles = [];
  const contexts = [];
  const open = async (options) => {
    const profile = mkdtempSync(path.join(tmpdir(), 'tvilling-browser-'));
    profiles.push(profile);
    const context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, args: FLAGS, ignoreDefaultArgs: ['--headless=old'], locale: 'sv-SE', timezoneId: 'Europe/Stockholm', ...options });
    contexts.push(context);
    return { context, page: context.pages()[0] ?? (await context.newPage()) };
  };
  try {
    return await work(open);
  } finally {
    for (const context of contexts) await context.close().catch(() => undefined);
    for (const profile of profiles) rmSync(profile, { recursive: true, force: true });
  }
}
