// The list of layers: a switch for each, its opacity when it is on.

import { h, icon, vars } from './dom';
import { t } from './i18n';
import { isShown, type LayerEntry, type LayerGroup } from './layers-model';
import type { ViewState } from './url-state';
import { formatNumber } from './format';

export interface LayerActions {
  switchLayer: (entry: LayerEntry, shown: boolean) => void;
  setOpacity: (entry: LayerEntry, percent: number) => void;
}

export function layerList(groups: LayerGroup[], state: ViewState, actions: LayerActions): HTMLElement {
  if (groups.length === 0) return h('p', { class: 'state' }, t('layers.empty'));
  return h('div', { class: 'layer-groups' }, ...groups.map((group) => groupView(group, state, actions)));
}

function groupView(group: LayerGroup, state: ViewState, actions: LayerActions): HTMLElement {
  const heading = h('summary', {}, group.kind === 'department' ? h('span', { class: 'dot', 'aria-hidden': 'true' }) : null, h('h3', {}, group.title));
  return vars(
    h('details', { class: `layer-group ${group.kind}`, open: group.kind !== 'base' }, heading, h('ul', {}, ...group.entries.map((entry) => entryView(entry, state, actions)))),
    { '--department': group.colour },
  );
}

function entryView(entry: LayerEntry, state: ViewState, actions: LayerActions): HTMLElement {
  const shown = isShown(entry, state);
  const row = h('li', { class: 'layer', 'data-collection': entry.collection, 'data-min-zoom': entry.minZoom });
  const id = `layer-${entry.key}`;
  const input = h('input', {
    type: 'checkbox',
    role: 'switch',
    id,
    checked: shown,
    onchange: () => {
      actions.switchLayer(entry, input.checked);
      details.hidden = toggle.hidden = !input.checked;
    },
  });
  const percent = state.opacity[entry.key] ?? 100;
  const output = h('output', { 'aria-hidden': 'true' }, `${percent} %`);
  const range = h('input', {
    type: 'range',
    min: 10,
    max: 100,
    step: 5,
    value: percent,
    'aria-label': t('layers.opacity', { layer: entry.title }),
    oninput: () => {
      output.textContent = `${range.value} %`;
      actions.setOpacity(entry, Number(range.value));
    },
  });
  const slider = h('div', { class: 'opacity', hidden: percent === 100 }, range, output);
  const toggle = h(
    'button',
    {
      type: 'button',
      class: 'opacity-toggle',
      hidden: !shown,
      'aria-expanded': String(!slider.hidden),
      'aria-label': t('layers.opacity_toggle', { layer: entry.title }),
      title: t('layers.opacity_toggle', { layer: entry.title }),
      onclick: () => {
        slider.hidden = !slider.hidden;
        toggle.setAttribute('aria-expanded', String(!slider.hidden));
      },
    },
    icon('eye'),
  );
  const details = h('div', { class: 'layer-details', hidden: !shown }, slider, entry.ramp ? rampLegend(entry) : null);
  row.append(h('div', { class: 'layer-line' }, h('label', { class: 'layer-row', for: id }, h('span', { class: 'layer-title' }, entry.title, h('span', { class: 'layer-note', hidden: true }, t('layers.from_zoom')))), toggle, input), details);
  return vars(row, { '--department': entry.colour });
}

/** Says at each layer that is on whether the map is zoomed in far enough to show it. */
export function markFarLayers(list: HTMLElement, zoom: number): void {
  for (const row of list.querySelectorAll<HTMLElement>('.layer')) {
    const on = row.querySelector<HTMLInputElement>('input[role=switch]')?.checked ?? false;
    row.querySelector<HTMLElement>('.layer-note')!.hidden = !on || zoom >= Number(row.dataset.minZoom);
  }
}

function rampLegend(entry: LayerEntry): HTMLElement | null {
  if (!entry.ramp) return null;
  const bar = h('span', { class: 'ramp-bar', 'aria-hidden': 'true' });
  if (entry.ramp.colours) vars(bar, { '--ramp': `linear-gradient(90deg, ${entry.ramp.colours.join(', ')})` });
  return h(
    'div',
    { class: 'ramp' },
    bar,
    h('span', {}, t('layers.legend_worst', { value: formatNumber(entry.ramp.worst) })),
    h('span', {}, t('layers.legend_best', { value: formatNumber(entry.ramp.best) })),
  );
}
