// Related records drawn: signs along the road, works on a time line, traffic by
// the hour. Each drawing has the same content as text for those who cannot see it.

import { formatLength, formatNumber, formatPeriod, todayNumber } from './format';
import { h, pressable, quiet, s, vars } from './dom';
import { t } from './i18n';
import type { Related, SignMark } from './card-model';

type Signs = Extract<Related, { kind: 'signs' }>;
type Works = Extract<Related, { kind: 'works' }>;
type Traffic = Extract<Related, { kind: 'traffic' }>;

const WIDTH = 340;

/** A drawing that recalls the sign's family by shape and colour, with its text when it is short. */
export function signDrawing(mark: Pick<SignMark, 'type' | 'text'>): SVGElement {
  const number = /^\d{1,3}/.exec(mark.text)?.[0] ?? (mark.type.startsWith('C31') ? (/-(\d)$/.exec(mark.type)?.[1] ?? '') + (/-\d$/.test(mark.type) ? '0' : '') : '');
  const svg = s('svg', { class: 'sign', viewBox: '0 0 28 28', width: 28, height: 28, 'aria-hidden': 'true' });
  const red = '#c8102e';
  const yellow = '#ffd100';
  const blue = '#005eb8';
  const add = (tag: 'path' | 'circle' | 'rect', attributes: Record<string, string | number>) => svg.append(s(tag, attributes));
  const letters = (text: string, fill: string, size = 10, y = 17.5) =>
    svg.append(s('text', { x: 14, y, 'text-anchor': 'middle', 'font-size': size, 'font-weight': 700, fill }, text));
  if (mark.type.startsWith('B1') && !/^B1\d/.test(mark.type)) {
    add('path', { d: 'M3 5h22L14 25Z', fill: yellow, stroke: red, 'stroke-width': 3, 'stroke-linejoin': 'round' });
  } else if (/^B2($|-)/.test(mark.type)) {
    add('path', { d: 'M9 3h10l6 6v10l-6 6H9l-6-6V9Z', fill: red, stroke: '#fff', 'stroke-width': 1.5 });
    letters('STOP', '#fff', 7.5, 16.8);
  } else if (/^B3/.test(mark.type)) {
    add('rect', { x: 4, y: 4, width: 20, height: 20, rx: 2, fill: blue });
    add('path', { d: 'M14 7 22 20H6Z', fill: yellow });
    add('path', { d: 'M14 11v8', stroke: '#222', 'stroke-width': 1.8 });
  } else if (/^B[45]/.test(mark.type)) {
    add('path', { d: 'M14 2.5 25.5 14 14 25.5 2.5 14Z', fill: yellow, stroke: '#fff', 'stroke-width': 2.5, 'stroke-linejoin': 'round' });
  } else if (mark.type.startsWith('A')) {
    add('path', { d: 'M14 3.5 25.5 24H2.5Z', fill: yellow, stroke: red, 'stroke-width': 3, 'stroke-linejoin': 'round' });
    add('path', { d: 'M14 11v6M14 19.6v.2', stroke: '#222', 'stroke-width': 2, 'stroke-linecap': 'round' });
  } else if (/^C3[579]/.test(mark.type)) {
    add('circle', { cx: 14, cy: 14, r: 11, fill: blue, stroke: red, 'stroke-width': 2.8 });
    add('path', { d: 'M6.5 6.5 21.5 21.5', stroke: red, 'stroke-width': 2.6 });
  } else if (mark.type.startsWith('C')) {
    add('circle', { cx: 14, cy: 14, r: 11, fill: yellow, stroke: red, 'stroke-width': 3.2 });
    if (number) letters(number, '#1a1a1a', number.length > 2 ? 8.5 : 10.5, number.length > 2 ? 17 : 17.8);
  } else if (mark.type.startsWith('D')) {
    add('circle', { cx: 14, cy: 14, r: 11.5, fill: blue, stroke: '#fff', 'stroke-width': 1 });
    add('path', { d: 'M14 20V9M10 12.5 14 8l4 4.5', stroke: '#fff', 'stroke-width': 2, fill: 'none', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' });
  } else {
    add('rect', { x: 3, y: 4, width: 22, height: 20, rx: 3, fill: blue, stroke: '#fff', 'stroke-width': 1 });
    letters(number || mark.type.slice(0, 3), '#fff', number ? 10 : 8);
  }
  return svg;
}

/** The road as a line with its signs in order; each sign is a button that shows it on the map. */
export function signStrip(related: Signs, show: ((mark: SignMark) => void) | null): HTMLElement {
  const share = (measure: number) => (Math.max(0, Math.min(measure, related.lengthM)) / related.lengthM) * 100;
  const strip = h('div', { class: 'strip', 'aria-hidden': 'true' }, h('div', { class: 'strip-road' }));
  for (const mark of related.marks) {
    const at = vars(h('div', { class: `strip-mark ${mark.side ?? 'right'}` }), { '--at': `${share(mark.measureM)}%` });
    at.append(signDrawing(mark));
    strip.append(at);
  }
  if (related.hereM !== null) strip.append(vars(h('div', { class: 'strip-here' }), { '--at': `${share(related.hereM)}%` }));
  strip.append(h('span', { class: 'strip-start' }, formatLength(0)), h('span', { class: 'strip-end' }, formatLength(related.lengthM)));
  const list = h('ol', { class: 'sign-list' });
  for (const mark of related.marks) {
    const measure = formatLength(mark.measureM);
    const where = mark.side
      ? t('related.sign_at', { measure, side: t(mark.side === 'left' ? 'answer.side_left' : 'answer.side_right') })
      : t('related.sign_measure', { measure });
    const name = [mark.type, mark.text].filter(Boolean).join(' ');
    list.append(
      h(
        'li',
        {},
        pressable(
          show && (() => show(mark)),
          t('related.go_to', { name }),
          'record',
          signDrawing(mark),
          h('span', { class: 'record-name' }, mark.text || mark.type),
          h('span', { class: 'record-note' }, [mark.text ? mark.type : '', where].filter(Boolean).join(' · ')),
        ),
      ),
    );
  }
  return h('div', {}, strip, list);
}

/** Works as bars on one axis of days, with today and the days that two works share marked. */
export function workTimeline(related: Works, now: Date, show: ((index: number) => void) | null): HTMLElement {
  const today = todayNumber(now);
  const first = Math.min(today, ...related.works.map((work) => work.from));
  const last = Math.max(today, ...related.works.map((work) => work.to));
  const margin = Math.max(2, (last - first) * 0.04);
  const start = first - margin;
  const span = last + margin - start;
  const at = (day: number) => ((day - start) / span) * 100;
  const mark = (name: string, from: number, width = 0) => vars(h('span', { class: name }), { '--from': `${at(from)}%`, '--width': `${width}%` });
  const rows = related.works.map((work, index) => {
    const bar = h('span', { class: 'timeline-bar', 'aria-hidden': 'true' }, mark(`timeline-work${work.from <= today && today <= work.to ? ' present' : ''}`, work.from, Math.max(1.2, at(work.to + 1) - at(work.from))));
    for (const overlap of related.overlaps) {
      if (overlap.a === work.name || overlap.b === work.name) bar.append(mark('timeline-overlap', overlap.from, at(overlap.to + 1) - at(overlap.from)));
    }
    bar.append(mark('timeline-today', today));
    const details = work.facts.map((fact) => fact.value).slice(0, 2).join(' · ');
    return h(
      'li',
      {},
      pressable(
        show && (() => show(index)),
        t('related.go_to', { name: work.name }),
        'timeline-row',
        h('span', { class: 'record-name' }, work.name),
        h('span', { class: 'record-note' }, [formatPeriod(work.from, work.to), details].filter(Boolean).join(' · ')),
        bar,
      ),
    );
  });
  const label = vars(h('span', { class: at(today) > 85 ? 'end' : at(today) < 15 ? 'start' : '' }, t('related.today')), { '--from': `${at(today)}%` });
  return h('div', {}, h('ol', { class: 'timeline' }, ...rows), h('div', { class: 'timeline-axis', 'aria-hidden': 'true' }, label), overlapNote(related));
}

/** One overlap is said at once; several fold under their number. */
function overlapNote({ overlaps }: Works): HTMLElement | null {
  const sentences = overlaps.map(({ a, b, from, to }) => t('related.works_overlap', { a, b, period: formatPeriod(from, to) }));
  if (sentences.length === 0) return null;
  if (sentences.length === 1) return h('p', { class: 'warning' }, sentences[0]);
  return h('details', { class: 'warning' }, h('summary', {}, t('related.overlaps', { count: sentences.length })), h('ul', {}, ...sentences.map((sentence) => h('li', {}, sentence))));
}

/** Bars for the kind of day that it is now, a line for the other, the present hour marked. */
export function trafficChart(related: Traffic, now: Date): HTMLElement {
  const isWeekend = now.getDay() === 0 || now.getDay() === 6;
  const hour = now.getHours();
  const [bars, line] = isWeekend ? [related.weekend, related.weekday] : [related.weekday, related.weekend];
  const most = Math.max(1, ...bars, ...line);
  const height = 96;
  const top = 14;
  const bottom = 18;
  const step = WIDTH / 24;
  const y = (count: number) => top + (height - top) * (1 - count / most);
  const day = t(isWeekend ? 'related.weekend' : 'related.weekday');
  const peak = bars.indexOf(Math.max(...bars));
  const hours = (from: number) => `${String(from).padStart(2, '0')}–${String((from + 1) % 24).padStart(2, '0')}`;
  const summary = [
    t('related.traffic_summary', { hour: hours(peak), count: Math.round(bars[peak] ?? 0), day }),
    t('related.traffic_now', { hour: hours(hour), count: Math.round(bars[hour] ?? 0), day }),
  ];
  const svg = s('svg', { class: 'traffic', viewBox: `0 0 ${WIDTH} ${height + bottom}`, role: 'img', 'aria-label': summary.join(' ') });
  const ruler = niceStep(most);
  for (let value = ruler; value <= most; value += ruler) {
    svg.append(s('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y(value), y2: y(value) }), s('text', { class: 'axis', x: 0, y: y(value) - 2 }, formatNumber(value)));
  }
  bars.forEach((count, i) => {
    svg.append(s('rect', { class: i === hour ? 'bar present' : 'bar', x: i * step + 1, width: step - 2, y: y(count), height: Math.max(0, height - y(count)), rx: 1.5 }));
  });
  const points = line.map((count, i) => `${i === 0 ? 'M' : 'L'}${(i + 0.5) * step} ${y(count).toFixed(1)}`).join('');
  svg.append(s('path', { class: 'other', d: points }));
  for (const mark of [0, 6, 12, 18, 23]) {
    if (Math.abs(mark - hour) > 1) svg.append(s('text', { class: 'axis', x: (mark + 0.5) * step, y: height + 13, 'text-anchor': 'middle' }, String(mark).padStart(2, '0')));
  }
  svg.append(s('text', { class: 'axis now', x: Math.max(10, Math.min(WIDTH - 10, (hour + 0.5) * step)), y: height + 13, 'text-anchor': 'middle' }, t('related.now')));
  const table = h(
    'table',
    {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('related.hour')), h('th', { scope: 'col' }, t('related.weekday_title')), h('th', { scope: 'col' }, t('related.weekend_title')))),
    h(
      'tbody',
      {},
      ...related.weekday.map((count, i) =>
        h('tr', {}, h('th', { scope: 'row' }, hours(i)), h('td', {}, formatNumber(count, 0)), h('td', {}, formatNumber(related.weekend[i] ?? 0, 0))),
      ),
    ),
  );
  return h(
    'div',
    {},
    h(
      'p',
      { class: 'legend' },
      h('span', { class: 'swatch bar' }),
      t(isWeekend ? 'related.weekend_title' : 'related.weekday_title'),
      h('span', { class: 'swatch line' }),
      t(isWeekend ? 'related.weekday_title' : 'related.weekend_title'),
      h('span', { class: 'legend-unit' }, t('related.traffic_unit')),
    ),
    svg,
    h('p', { class: 'note' }, summary[1] ?? '', quiet(summary[0] ?? '')),
    h('details', { class: 'as-table' }, h('summary', {}, t('related.as_table')), table),
  );
}

/** 1, 2 or 5 times a power of ten, so that two to four lines fit below `most`. */
function niceStep(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 2));
  const factor = [5, 2, 1].find((f) => most / (f * power) >= 2) ?? 1;
  return factor * power;
}
