// Writes what a map style needs beside the page itself: glyphs and sprites.
// `npm run build` runs it after Vite; equal inputs give equal bytes.

import { mkdirSync, writeFileSync } from 'node:fs';
import { RANGES, STACKS, glyphRange } from './fonts.mjs';
import { spriteSheet } from './sprites.mjs';

const dist = new URL('../dist/', import.meta.url);

for (const stack of Object.keys(STACKS)) {
  const folder = new URL(`fonts/${stack}/`, dist);
  mkdirSync(folder, { recursive: true });
  for (const first of RANGES) {
    writeFileSync(new URL(`${first}-${first + 255}.pbf`, folder), glyphRange(stack, first));
  }
}

mkdirSync(new URL('sprites/', dist), { recursive: true });
for (const ratio of [1, 2]) {
  const { json, png } = await spriteSheet(ratio);
  const name = ratio === 1 ? 'tvilling' : `tvilling@${ratio}x`;
  writeFileSync(new URL(`sprites/${name}.json`, dist), json);
  writeFileSync(new URL(`sprites/${name}.png`, dist), png);
}
