// The sprite sheet: our own drawings in build/icons, laid side by side and
// rasterised once for each pixel ratio.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Resvg, initWasm } from '@resvg/resvg-wasm';

const require = createRequire(import.meta.url);
const folder = new URL('icons/', import.meta.url);

/** Width and height of an icon in CSS pixels; every drawing has this view box. */
const SIZE_PX = 26;

/** Returns the index and the image of the sheet for a pixel ratio. */
export async function spriteSheet(ratio) {
  await (ready ??= initWasm(readFileSync(require.resolve('@resvg/resvg-wasm/index_bg.wasm'))));
  const names = readdirSync(folder).filter((name) => name.endsWith('.svg')).sort();
  const index = {};
  let drawings = '';
  names.forEach((name, i) => {
    const svg = readFileSync(new URL(name, folder), 'utf8');
    const inner = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>'));
    drawings += `<g transform="translate(${i * SIZE_PX} 0)">${inner}</g>`;
    index[name.slice(0, -4)] = { x: i * SIZE_PX * ratio, y: 0, width: SIZE_PX * ratio, height: SIZE_PX * ratio, pixelRatio: ratio };
  });
  const width = names.length * SIZE_PX;
  const sheet = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${SIZE_PX}" viewBox="0 0 ${width} ${SIZE_PX}">${drawings}</svg>`;
  const png = new Resvg(sheet, { fitTo: { mode: 'zoom', value: ratio } }).render().asPng();
  return { json: `${JSON.stringify(index, null, 1)}\n`, png };
}

let ready;
