// The answer as a list without the map, for screen readers and for print.

import { Failure, type CollectionInfo } from './api';
import { ask, fetchCollections } from './ask';
import { answerTitle, departmentCard } from './card-view';
import { h, icon } from './dom';
import { setLanguage, t } from './i18n';
import { readState, writeState, type Selection } from './url-state';

/** What a list answers for: a place typed in, without a pointer's precision, in metres. */
const TYPED_RADIUS_M = 5;

export function startList(root: HTMLElement): void {
  document.body.className = 'list-page';
  const render = () => void renderList(root);
  addEventListener('hashchange', render);
  render();
}

async function renderList(root: HTMLElement): Promise<void> {
  const state = readState(location.hash);
  if (state.language) setLanguage(state.language);
  document.title = t('list.heading');
  const answer = h('div', { 'aria-live': 'polite' }, h('p', { class: 'state' }, t('answer.loading')));
  root.replaceChildren(
    h(
      'main',
      { class: 'list-view' },
      h('nav', { class: 'list-nav' }, h('a', { href: `./${location.hash}` }, t('list.back')), h('button', { type: 'button', onclick: () => print() }, icon('print'), t('list.print'))),
      h('h1', {}, t('list.heading')),
      h('p', {}, t('list.intro')),
      placeForm(state.selection, (selection) => {
        location.hash = writeState({ ...state, selection });
      }),
      answer,
    ),
  );
  if (!state.selection) {
    answer.replaceChildren(h('p', { class: 'state' }, t('list.no_place')));
    return;
  }
  try {
    // The answer does not wait for nor fail with the list of collections: without it, titles are plainer.
    const collections = await fetchCollections().catch(() => ({ list: [] as CollectionInfo[] }));
    const asked = await ask(state.selection, new Map(collections.list.map((info) => [info.id, info])));
    const card = asked.card();
    answer.replaceChildren(
      answerTitle(card),
      ...(card.departments.length === 0 ? [h('p', { class: 'state' }, t('answer.empty'))] : []),
      ...card.departments.map((department) => departmentCard(department, { now: new Date(), show: null, unfolded: true }, card.departments[0]?.features[0]?.key)),
      ...(card.leftOut ? [h('p', { class: 'left-out' }, card.leftOut)] : []),
    );
  } catch (cause) {
    answer.replaceChildren(h('p', { class: 'state error' }, t('answer.failed', { reason: cause instanceof Failure ? cause.message : t('error.network') })));
  }
}

function placeForm(selection: Selection | null, go: (selection: Selection) => void): HTMLElement {
  const lon = h('input', { id: 'lon', inputmode: 'decimal', autocomplete: 'off', value: selection ? String(selection.lon) : '' });
  const lat = h('input', { id: 'lat', inputmode: 'decimal', autocomplete: 'off', value: selection ? String(selection.lat) : '' });
  const problem = h('p', { class: 'state error', role: 'alert', hidden: true });
  const number = (input: HTMLInputElement) => (input.value.trim() === '' ? Number.NaN : Number(input.value.trim().replace(',', '.')));
  return h(
    'form',
    {
      class: 'place-form',
      'aria-label': t('list.form'),
      onsubmit: (event: SubmitEvent) => {
        event.preventDefault();
        const place = { lon: number(lon), lat: number(lat), radiusM: selection?.radiusM ?? TYPED_RADIUS_M };
        const good = Math.abs(place.lon) <= 180 && Math.abs(place.lat) <= 90;
        problem.hidden = good;
        problem.textContent = good ? '' : t('list.bad_place');
        if (good) go(place);
      },
    },
    h('div', {}, h('label', { for: 'lon' }, t('list.lon')), lon),
    h('div', {}, h('label', { for: 'lat' }, t('list.lat')), lat),
    h('button', { type: 'submit' }, t('list.ask')),
    problem,
  );
}
