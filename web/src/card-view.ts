// The answer on the page: a title, a card for each department, and in each the
// features it knows about. The same elements serve the map's panel and the list.

import type { AnswerFeature } from './api';
import type { AnswerCard, Condition, DepartmentCard, Fact, FeatureCard, Related } from './card-model';
import { signStrip, trafficChart, workTimeline } from './charts';
import { h, pressable, quiet, vars } from './dom';
import { t } from './i18n';

/** What the reader can do with a card. */
export interface CardActions {
  now: Date;
  /** Shows a feature on the map, where there is one. */
  show: ((feature: AnswerFeature) => void) | null;
  /** Everything unfolded, for print. */
  unfolded: boolean;
}

/** Features of one department before the rest folds out. */
const FEATURES_SHOWN = 2;
/** Records of a plain list before the rest folds out. */
const RECORDS_SHOWN = 4;

/** The heading of an answer; `level` is that of the title. */
export function answerTitle(card: AnswerCard): HTMLElement {
  return h(
    'div',
    { class: 'answer-title' },
    h('h2', { tabindex: -1, id: 'answer-title' }, card.title),
    card.subtitle ? h('p', { class: 'subtitle' }, card.subtitle) : null,
    card.ground
      ? h('p', { class: 'ground' }, h('strong', {}, card.ground), card.groundSource ? h('span', { class: 'ground-source' }, card.groundSource) : null)
      : h('p', { class: 'ground' }, t('answer.no_height')),
  );
}

/** `titled` is the key of the feature that the answer's title already names. */
export function departmentCard(card: DepartmentCard, actions: CardActions, titled?: string): HTMLElement {
  const shown = actions.unfolded ? card.features : card.features.slice(0, FEATURES_SHOWN);
  const rest = card.features.slice(shown.length);
  return vars(
    h(
      'section',
      { class: 'card', 'data-department': card.id },
      h('header', { class: 'card-head' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('h3', {}, card.title), card.origin ? badge(card.origin) : null),
      ...shown.map((feature) => featureCard(feature, actions, feature.key === titled)),
      rest.length > 0
        ? h('details', { class: 'more' }, h('summary', {}, t('answer.more_features', { count: rest.length })), ...rest.map((feature) => featureCard(feature, actions)))
        : null,
    ),
    { '--department': card.colour },
  );
}

function badge(origin: 'synthetic' | 'derived'): HTMLElement {
  return h('span', { class: `badge ${origin}` }, t(origin === 'synthetic' ? 'answer.synthetic' : 'answer.derived'));
}

function featureCard(card: FeatureCard, actions: CardActions, isTitled = false): HTMLElement {
  const named = card.title !== card.collectionTitle;
  const { show } = actions;
  return h(
    'article',
    { class: 'feature', 'data-collection': card.collection },
    isTitled
      ? h('h4', { class: 'visually-hidden' }, card.title)
      : pressable(
          show && (() => show(card.feature)),
          t('related.go_to', { name: card.title }),
          'feature-head',
          h('h4', {}, card.title),
          h('span', { class: 'feature-kind' }, [named ? card.collectionTitle : null, card.place].filter(Boolean).join(' · ')),
        ),
    facts(actions.unfolded ? [...card.facts, ...card.moreFacts] : card.facts),
    card.moreFacts.length > 0 && !actions.unfolded ? h('details', { class: 'more' }, h('summary', {}, t('answer.more_facts', { count: card.moreFacts.length })), facts(card.moreFacts)) : null,
    ...card.related.map((related) => relatedSection(related, actions)),
    card.source ? h('p', { class: 'source' }, card.source) : null,
  );
}

function facts(list: Fact[]): HTMLElement | null {
  if (list.length === 0) return null;
  return h('dl', { class: 'facts' }, ...list.map((fact) => h('div', { class: fact.condition || isLong(fact.value) ? 'fact wide' : 'fact' }, h('dt', {}, fact.label), h('dd', {}, fact.condition ? conditionMeter(fact.condition, fact.value) : fact.value))));
}

/** Whether a value would break badly in half a card. */
function isLong(value: string): boolean {
  return value.length > 22 || value.split(/\s/).some((word) => word.length > 13);
}

/** Word, number and colour together, and the length of a bar for those who do not see the colour. */
function conditionMeter(condition: Condition, text: string): HTMLElement {
  return h(
    'span',
    { class: `condition ${condition.level}` },
    h('span', { class: 'condition-word' }, condition.word),
    h('span', { class: 'condition-bar', 'aria-hidden': 'true' }, vars(h('span', {}), { '--share': `${condition.share * 100}%` })),
    h('span', { class: 'condition-number', 'aria-hidden': 'true' }, condition.number),
    quiet(text.replace(condition.word, '')),
  );
}

function relatedSection(related: Related, actions: CardActions): HTMLElement {
  const shown = countOf(related);
  return h(
    'section',
    { class: `related ${related.kind}`, 'data-collection': related.collection },
    h('h5', {}, related.kind === 'traffic' ? related.title : t('related.count', { title: related.title, count: related.matched })),
    relatedBody(related, actions),
    related.kind !== 'traffic' && shown < related.matched ? h('p', { class: 'note' }, t('related.more', { shown, matched: related.matched })) : null,
  );
}

function countOf(related: Related): number {
  switch (related.kind) {
    case 'signs':
      return related.marks.length;
    case 'works':
      return related.works.length;
    case 'traffic':
      return related.weekday.length;
    default:
      return related.entries.length;
  }
}

function relatedBody(related: Related, { now, show, unfolded }: CardActions): HTMLElement {
  switch (related.kind) {
    case 'signs':
      return signStrip(related, show && ((mark) => show(mark.feature)));
    case 'works':
      return workTimeline(
        related,
        now,
        show &&
          ((index) => {
            const work = related.works[index];
            if (work) show(work.feature);
          }),
      );
    case 'traffic':
      return trafficChart(related, now);
    case 'history':
      return h(
        'ol',
        { class: 'history' },
        ...related.entries.map((entry) =>
          h(
            'li',
            { class: entry.condition?.level ?? '' },
            h('span', { class: 'record-name' }, entry.date),
            h('span', { class: 'record-note' }, [entry.condition ? `${entry.condition.word} ${entry.condition.number}` : null, entry.remark].filter(Boolean).join(' · ')),
          ),
        ),
      );
    case 'list': {
      const records = related.entries.map((entry) =>
        h(
          'li',
          {},
          pressable(
            show && (() => show(entry.feature)),
            t('related.go_to', { name: entry.name }),
            'record',
            h('span', { class: 'record-name' }, entry.name),
            h('span', { class: 'record-note' }, entry.facts.map((fact) => fact.value).filter((value) => value !== entry.name).join(' · ')),
          ),
        ),
      );
      // A fold for one more would take the room of the one.
      const shown = unfolded || records.length <= RECORDS_SHOWN + 1 ? records : records.slice(0, RECORDS_SHOWN);
      const rest = records.slice(shown.length);
      return h(
        'div',
        {},
        h('ul', { class: 'records' }, ...shown),
        rest.length > 0 ? h('details', { class: 'more' }, h('summary', {}, t('related.more_records', { count: rest.length })), h('ul', { class: 'records' }, ...rest)) : null,
      );
    }
  }
}
