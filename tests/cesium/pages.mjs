// Hands out a page of these tests, and the packages that it loads, to a browser.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.css': 'text/css', '.html': 'text/html', '.wasm': 'application/wasm' };

/** Serves a page at any address, and below each prefix a folder of a package. Returns the server and its host. */
export async function pageServer(page, packages) {
  const folders = Object.entries(packages).map(([prefix, folder]) => [prefix, path.join(HERE, 'node_modules', folder)]);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const found = folders.find(([prefix]) => pathname.startsWith(prefix));
    const file = found ? path.join(found[1], path.normalize(pathname.slice(found[0].length - 1))) : path.join(HERE, page);
    try {
      const bytes = await readFile(file);
      response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
      response.end(bytes);
    } catch {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, host: `127.0.0.1:${server.address().port}` };
}

/** Opens the page, and notes requests to hosts other than these, and errors. */
export async function openPage(open, hosts, options) {
  const { page, context } = await open({ deviceScaleFactor: 1, ...options });
  const strangers = [];
  const errors = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && !hosts.includes(url.host)) strangers.push(url.href);
  });
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`http://${hosts[0]}/`);
  return { page, context, strangers, errors };
}
