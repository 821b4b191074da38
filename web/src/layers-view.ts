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
  const row = h('li', { class: 'layer', 'data-collection': entry.collection });
  const id = `layer-${entry.collection}`;
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
  const percent = state.opacity[entry.collection] ?? 100;
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
  row.append(h('div', { class: 'layer-line' }, h('label', { class: 'layer-row', for: id }, h('span', { class: 'layer-title' }, entry.title)), toggle, input), details);
  return vars(row, { '--department': entry.colour });
}

function rampLegend(entry: LayerEntry): HTMLElement | null {
  if (!entry.ramp) return null;
  return h(
    'div',
    { class: 'ramp' },
    h('span', { class: 'ramp-bar', 'aria-hidden': 'true' }),
    h('span', {}, t('layers.legend_worst', { value: formatNumber(entry.ramp.worst) })),
    h('span', {}, t('layers.legend_best', { value: formatNumber(entry.ramp.best) })),
  );
}
