// Signed distance fields of glyphs, in the protocol buffers that MapLibre reads.
//
// Outlines come from Noto Sans (SIL Open Font License 1.1) in the package
// @fontsource/noto-sans. Every pixel's distance to the outline is computed
// exactly, so the result depends on nothing but the font.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype from 'opentype.js';
import { PbfWriter } from 'pbf';

const require = createRequire(import.meta.url);

/** The names by which a style asks for fonts, and the font's weight. */
export const STACKS = { 'Noto Sans Regular': 400, 'Noto Sans Bold': 700 };

/** First code points of the ranges of 256 that are made: Latin, Latin extended, punctuation. */
export const RANGES = [0, 256, 8192];

// What MapLibre expects: 24 px to the em, a margin of 3 px, distances up to 8 px, the outline at 3/4 of the scale.
const EM_PX = 24;
const MARGIN_PX = 3;
const REACH_PX = 8;
const OUTLINE = 0.25;

/** Returns the glyphs of one stack and range as bytes. */
export function glyphRange(stack, first) {
  const fonts = ['latin', 'latin-ext'].map((subset) => {
    const file = require.resolve(`@fontsource/noto-sans/files/noto-sans-${subset}-${STACKS[stack]}-normal.woff`);
    const bytes = readFileSync(file);
    return opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  });
  const glyphs = [];
  for (let code = first; code < first + 256; code++) {
    for (const font of fonts) {
      const glyph = font.charToGlyph(String.fromCodePoint(code));
      if (glyph.index !== 0) {
        glyphs.push(rasterise(code, glyph, font));
        break;
      }
    }
  }
  const pbf = new PbfWriter();
  pbf.writeMessage(1, (_, out) => {
    out.writeStringField(1, stack);
    out.writeStringField(2, `${first}-${first + 255}`);
    for (const glyph of glyphs) out.writeMessage(3, writeGlyph, glyph);
  }, null);
  return pbf.finish();
}

function writeGlyph(glyph, out) {
  out.writeVarintField(1, glyph.code);
  if (glyph.bitmap.length > 0) out.writeBytesField(2, glyph.bitmap);
  out.writeVarintField(3, glyph.width);
  out.writeVarintField(4, glyph.height);
  out.writeSVarintField(5, glyph.left);
  out.writeSVarintField(6, glyph.top);
  out.writeVarintField(7, glyph.advance);
}

function rasterise(code, glyph, font) {
  const scale = EM_PX / font.unitsPerEm;
  const advance = Math.round(glyph.advanceWidth * scale);
  const segments = flatten(glyph.path.commands, scale);
  if (segments.length === 0) {
    return { code, bitmap: new Uint8Array(0), width: 0, height: 0, left: 0, top: 0, advance };
  }
  const xs = segments.flatMap((s) => [s[0], s[2]]);
  const ys = segments.flatMap((s) => [s[1], s[3]]);
  const left = Math.floor(Math.min(...xs));
  const bottom = Math.floor(Math.min(...ys));
  const width = Math.ceil(Math.max(...xs)) - left;
  const height = Math.ceil(Math.max(...ys)) - bottom;
  const columns = width + 2 * MARGIN_PX;
  const rows = height + 2 * MARGIN_PX;
  const bitmap = new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const y = bottom + height + MARGIN_PX - row - 0.5;
    for (let column = 0; column < columns; column++) {
      const x = left - MARGIN_PX + column + 0.5;
      const outside = signedDistance(segments, x, y);
      const value = 255 - 255 * (outside / REACH_PX + OUTLINE);
      bitmap[row * columns + column] = Math.max(0, Math.min(255, Math.round(value)));
    }
  }
  // MapLibre counts `top` from the ascender's line.
  const top = bottom + height - Math.round(font.ascender * scale);
  return { code, bitmap, width, height, left, top, advance };
}

/** Distance to the outline in pixels: positive outside, by the non-zero winding rule. */
function signedDistance(segments, x, y) {
  let nearest = Infinity;
  let winding = 0;
  for (const [x0, y0, x1, y1] of segments) {
    const dx = x1 - x0;
    const dy = y1 - y0;
    const along = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
    const ex = x0 + along * dx - x;
    const ey = y0 + along * dy - y;
    nearest = Math.min(nearest, ex * ex + ey * ey);
    if (y0 <= y !== y1 <= y && x < x0 + ((y - y0) / dy) * dx) winding += dy > 0 ? 1 : -1;
  }
  return Math.sqrt(nearest) * (winding === 0 ? 1 : -1);
}

/** Outline commands as straight segments in pixels, y upwards. */
function flatten(commands, scale) {
  const STEPS = 8;
  const segments = [];
  let start = [0, 0];
  let at = [0, 0];
  const lineTo = (x, y) => {
    if (x !== at[0] || y !== at[1]) segments.push([at[0], at[1], x, y]);
    at = [x, y];
  };
  for (const c of commands) {
    const [x, y] = [c.x * scale, c.y * scale];
    if (c.type === 'M') {
      start = at = [x, y];
    } else if (c.type === 'L') {
      lineTo(x, y);
    } else if (c.type === 'Q' || c.type === 'C') {
      const [px, py] = at;
      const [ax, ay] = [c.x1 * scale, c.y1 * scale];
      for (let i = 1; i <= STEPS; i++) {
        const t = i / STEPS;
        const u = 1 - t;
        if (c.type === 'Q') {
          lineTo(u * u * px + 2 * u * t * ax + t * t * x, u * u * py + 2 * u * t * ay + t * t * y);
        } else {
          const [bx, by] = [c.x2 * scale, c.y2 * scale];
          lineTo(
            u ** 3 * px + 3 * u * u * t * ax + 3 * u * t * t * bx + t ** 3 * x,
            u ** 3 * py + 3 * u * u * t * ay + 3 * u * t * t * by + t ** 3 * y,
          );
        }
      }
    } else {
      lineTo(start[0], start[1]);
    }
  }
  return segments;
}
