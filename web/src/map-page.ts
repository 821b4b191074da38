// The map page: it holds the state of the view, and ties the address, the map,
// the list of layers and the answer to it.

import type { StyleSpecification } from 'maplibre-gl';
import { Failure, forgetSchemas, getJson, schemaOf, setStaffKey, staffKey, type AnswerFeature, type CollectionInfo, type SchemaInfo } from './api';
import { ask, fetchCollections, type Asked } from './ask';
import { plainName } from './card-model';
import { answerTitle, departmentCard } from './card-view';
import { h, icon } from './dom';
import { formatNumber } from './format';
import { metresPerPixel } from './geometry';
import { language, pick, setLanguage, t } from './i18n';
import { groupLayers, isShown, metadataOf, withBestRelief, withShown, type LayerGroup } from './layers-model';
import { layerList, markFarLayers } from './layers-view';
import { MapView, type Highlight } from './map-view';
import { gridFromLonLat, gridOf, GRIDS, type Grid } from './sweref';
import { readState, writeState, type Selection, type ViewState } from './url-state';

/** How near the pointer a feature may lie to be meant, in CSS pixels. */
const TOLERANCE_PX = { mouse: 8, touch: 18 };
/** However far one is zoomed out, a click asks about a place and not about a town. */
const RADIUS_M_MAX = 200;
const PHONE = '(max-width: 720px)';

export function startMap(root: HTMLElement): void {
  void new MapPage(root).start();
}

/** What the server says there is to show. */
interface Catalogue {
  title: string | undefined;
  collections: CollectionInfo[];
  style: StyleSpecification;
  /** Attributes of collections that a number colours. */
  schemas: Map<string, SchemaInfo>;
}

class MapPage {
  private state: ViewState = readState(location.hash);
  private catalogue: Catalogue | null = null;
  private groups: LayerGroup[] = [];
  private view: MapView | null = null;
  private asked: Asked | null = null;
  private asking: AbortController | null = null;
  private failedLayers = new Set<string>();
  private coordinatesShown = false;

  private readonly mapBox = h('div', { id: 'map' });
  private readonly layersPanel = h('aside', { id: 'layers-panel', class: 'panel' });
  private readonly answerPanel = h('aside', { id: 'answer-panel', class: 'panel', hidden: true });
  private readonly tools = h('div', { id: 'tools', role: 'toolbar' });
  private readonly corner = h('div', { id: 'corner' });
  private readonly badge = h('div', { id: 'synthetic-badge', hidden: true });
  private readonly crosshair = h('div', { id: 'crosshair', 'aria-hidden': 'true' });
  private readonly notices = h('div', { id: 'notices', role: 'status' });
  private readonly announcer = h('div', { class: 'visually-hidden', 'aria-live': 'polite' });
  private readonly cover = h('div', { id: 'cover', role: 'status' });
  private readonly dialog = h('dialog', { id: 'key-dialog' });

  constructor(private readonly root: HTMLElement) {}

  async start(): Promise<void> {
    document.body.className = 'map-page';
    if (matchMedia(PHONE).matches) this.layersPanel.classList.add('folded');
    const skip = h('button', { type: 'button', class: 'skip', onclick: () => this.view?.canvas.focus() }, t('page.skip_to_map'));
    this.root.replaceChildren(
      skip,
      this.layersPanel,
      h('main', { id: 'map-region' }, this.mapBox, this.crosshair, this.cover, this.badge, this.corner),
      this.answerPanel,
      this.tools,
      this.notices,
      this.announcer,
      this.dialog,
    );
    for (const panel of [this.layersPanel, this.answerPanel]) panel.dataset.height = 'half';
    addEventListener('popstate', () => this.restore());
    addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !this.dialog.open && this.state.selection) {
        event.preventDefault();
        this.closeAnswer();
      }
    });
    this.renderChrome();
    await this.load();
  }

  // --- What there is to show ---

  private async load(): Promise<void> {
    this.cover.hidden = false;
    this.cover.replaceChildren(h('p', {}, h('span', { class: 'spinner', 'aria-hidden': 'true' }), t('map.loading')));
    try {
      const [collections, style] = await Promise.all([fetchCollections(), getJson<StyleSpecification>('styles/tvilling/style.json')]);
      const surveys = collections.list.filter((info) => info['tvilling:kind'] === 'survey');
      const coloured = [...new Set(style.layers.map(metadataOf).flatMap((metadata) => (metadata['tvilling:ramp'] && metadata['tvilling:collection']) || []))];
      const schemas = await Promise.all(coloured.map(schemaOf));
      this.catalogue = {
        title: collections.title && plainName(collections.title),
        collections: collections.list,
        style: withBestRelief(style, surveys),
        schemas: new Map(coloured.map((id, i) => [id, schemas[i]!])),
      };
      this.groups = this.grouped(this.catalogue);
    } catch (cause) {
      this.cover.replaceChildren(
        h('p', { class: 'error' }, t('map.failed', { reason: reasonOf(cause) })),
        h('button', { type: 'button', class: 'primary', onclick: () => void this.load() }, t('map.retry')),
      );
      this.renderChrome(t('layers.failed', { reason: reasonOf(cause) }));
      return;
    }
    this.renderChrome();
    this.showMap();
    if (this.state.selection) void this.answer(this.state.selection, false);
  }

  private grouped(catalogue: Catalogue): LayerGroup[] {
    return groupLayers(catalogue.style, catalogue.collections, (collection, attribute) => {
      const info = catalogue.schemas.get(collection)?.properties?.[attribute];
      return pick(info?.['tvilling:title'], info?.title ?? attribute).toLowerCase();
    });
  }

  private showMap(): void {
    const catalogue = this.catalogue!;
    this.view?.map.remove();
    delete document.documentElement.dataset.ready;
    try {
      this.view = new MapView(this.mapBox, catalogue.style, this.state, this.groups, boundsOfAll(catalogue.collections), t('map.label'), {
        ask: (place, byKeyboard) => this.askAt(place, byKeyboard),
        moved: () => this.cameraMoved(),
        layerFailed: (source) => this.layerFailed(source),
        pointer: (place) => this.showCoordinates(place),
      });
    } catch {
      this.cover.replaceChildren(h('p', { class: 'error' }, t('page.no_webgl')), h('a', { href: this.listAddress() }, t('page.list_link')));
      return;
    }
    this.view.terrainSurvey = this.survey();
    void this.view.ready.then(() => {
      this.cover.hidden = true;
      document.documentElement.dataset.ready = 'true';
    });
    // Tiles may take long; the map is usable as soon as the style is there.
    this.view.map.once('style.load', () => (this.cover.hidden = true));
  }

  /** The survey that 3D shows: the one whose relief is on, else the first. */
  private survey(): string | null {
    const relief = this.groups.find((group) => group.kind === 'terrain')?.entries ?? [];
    const shown = relief.find((entry) => isShown(entry, this.state));
    return (shown ?? relief[0])?.collection ?? this.catalogue?.collections.find((info) => info['tvilling:kind'] === 'survey')?.id ?? null;
  }

  private layerFailed(source: string): void {
    const entry = this.groups.flatMap((group) => group.entries).find((candidate) => candidate.styleLayers.some((id) => sourceOf(this.catalogue!.style, id) === source));
    const name = entry?.title ?? source;
    if (this.failedLayers.has(name)) return;
    this.failedLayers.add(name);
    this.notify(t('layers.failed_one', { layer: name }));
  }

  // --- State and address ---

  private cameraMoved(): void {
    if (!this.view) return;
    this.state.camera = this.view.camera();
    this.replaceAddress();
    this.turnNorth();
    markFarLayers(this.layersPanel, this.state.camera.zoom);
  }

  private replaceAddress(): void {
    history.replaceState(null, '', writeState(this.state));
    this.corner.querySelector('a.list-link')?.setAttribute('href', this.listAddress());
  }

  private listAddress(): string {
    return `./?view=list${writeState(this.state)}`;
  }

  /** Takes the view from the address: Back, Forward, or an edited address. */
  private restore(): void {
    const before = this.state;
    this.state = readState(location.hash);
    if (this.state.language && this.state.language !== language()) this.switchLanguage(this.state.language);
    if (this.view) {
      if (this.state.camera) this.view.jumpTo(this.state.camera);
      this.view.applyLayers(this.state, this.groups);
      if (before.terrain !== this.state.terrain) this.view.setTerrain(this.state.terrain, this.survey(), false);
    }
    this.renderChrome();
    const next = this.state.selection;
    if (!next) this.hideAnswer();
    else if (JSON.stringify(next) !== JSON.stringify(before.selection)) void this.answer(next, false);
  }

  private switchLanguage(next: 'sv' | 'en'): void {
    setLanguage(next);
    document.documentElement.lang = next;
    if (this.catalogue) this.groups = this.grouped(this.catalogue);
    this.view?.relabel(t('map.label'));
    this.renderChrome();
    if (this.asked) this.renderAnswer(this.asked);
  }

  // --- The answer ---

  private askAt(place: { lon: number; lat: number }, byKeyboard: boolean): void {
    const tolerance = matchMedia('(pointer: coarse)').matches ? TOLERANCE_PX.touch : TOLERANCE_PX.mouse;
    const radiusM = Math.min(RADIUS_M_MAX, Math.max(0.5, tolerance * metresPerPixel(this.view!.map.getZoom(), place.lat)));
    // What the address restores must be what is asked now, to the last digit.
    this.state.selection = readState(writeState({ ...this.state, selection: { ...place, radiusM } })).selection;
    history.pushState(null, '', writeState(this.state));
    this.replaceAddress();
    if (this.state.selection) void this.answer(this.state.selection, byKeyboard);
  }

  private async answer(selection: Selection, focus: boolean): Promise<void> {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.asked = null;
    this.view?.markPlace(selection);
    this.view?.highlight([]);
    this.openAnswer(h('p', { class: 'state' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), t('answer.loading')));
    this.view?.nudge(selection, this.freePart());
    try {
      const collections = new Map(this.catalogue?.collections.map((info) => [info.id, info]));
      const asked = await ask(selection, collections, asking.signal);
      if (asking.signal.aborted) return;
      this.asked = asked;
      this.renderAnswer(asked);
      const card = asked.card();
      this.announce(card.departments.length === 0 ? t('answer.announce_empty') : t('answer.announce', { title: card.title, count: card.departments.length }));
      if (focus) this.answerPanel.querySelector<HTMLElement>('#answer-title')?.focus();
    } catch (cause) {
      if (asking.signal.aborted) return;
      const retry = h('button', { type: 'button', class: 'primary', onclick: () => void this.answer(selection, true) }, t('answer.retry'));
      this.openAnswer(h('p', { class: 'state error', role: 'alert' }, t('answer.failed', { reason: reasonOf(cause) })), retry);
    }
  }

  private renderAnswer(asked: Asked): void {
    const card = asked.card();
    const open = new Set([...this.answerPanel.querySelectorAll('details[open]')].map((details, i) => details.className + i));
    const scroll = this.answerPanel.querySelector('.panel-body')?.scrollTop ?? 0;
    this.openAnswer(
      answerTitle(card),
      ...(card.departments.length === 0 ? [h('p', { class: 'state' }, t('answer.empty'))] : []),
      ...card.departments.map((department) => departmentCard(department, { now: new Date(), show: (feature) => this.show(feature), unfolded: false }, card.departments[0]?.features[0]?.key)),
      this.coordinatesOf(asked.answer.at),
      card.leftOut ? h('p', { class: 'left-out' }, card.leftOut) : '',
    );
    [...this.answerPanel.querySelectorAll('details')].forEach((details, i) => (details.open ||= open.has(details.className + i)));
    this.answerPanel.querySelector('.panel-body')!.scrollTop = scroll;
    this.highlight(card.departments[0]?.features[0]?.feature ?? null);
  }

  private coordinatesOf(at: { lon: number; lat: number }): HTMLElement {
    const text = this.coordinateText(at);
    return h(
      'p',
      { class: 'coordinates' },
      h('span', {}, text),
      h('button', { type: 'button', onclick: () => void navigator.clipboard?.writeText(text).then(() => this.notify(t('answer.copied'))) }, t('answer.copy')),
    );
  }

  /** Makes one feature of the answer unmistakable; those related to it and the others stay lighter. */
  private highlight(main: AnswerFeature | null): void {
    if (!this.asked || !main) {
      this.view?.highlight([]);
      return;
    }
    const related = Object.values(main.related ?? {}).flatMap((answer) => (Array.isArray(answer) ? answer : (answer.features ?? [])));
    // Pipes under a street would paint it over; they are marked where their layer is on.
    const isOn = (collection: string | undefined) => this.groups.some((group) => group.entries.some((entry) => entry.collection === collection && isShown(entry, this.state)));
    const marked = related.filter((feature) => !/Line/.test(feature.geometry?.type ?? '') || isOn(feature.collection));
    const features: Highlight[] = [...marked.map((feature) => ({ feature, role: 'related' as const })), { feature: main, role: 'main' as const }];
    this.view?.highlight(features);
  }

  private show(feature: AnswerFeature): void {
    this.highlight(feature);
    if (matchMedia(PHONE).matches) this.answerPanel.dataset.height = 'half';
    this.view?.show(feature, this.freePart());
  }

  private openAnswer(...content: (Node | string)[]): void {
    const wasHidden = this.answerPanel.hidden;
    this.answerPanel.hidden = false;
    this.answerPanel.setAttribute('aria-label', t('answer.heading'));
    document.body.classList.add('answering');
    if (matchMedia(PHONE).matches) this.layersPanel.classList.add('folded');
    if (wasHidden) this.answerPanel.dataset.height = 'half';
    this.answerPanel.replaceChildren(
      sheetHandle(this.answerPanel),
      h(
        'div',
        { class: 'panel-head' },
        h('a', { class: 'tool text', href: this.listAddress() }, icon('list'), t('answer.all_as_list')),
        h('button', { type: 'button', class: 'tool', 'aria-label': t('answer.close'), title: t('answer.close'), onclick: () => this.closeAnswer() }, icon('close')),
      ),
      h('div', { class: 'panel-body' }, ...content),
    );
    this.renderTools();
  }

  private closeAnswer(): void {
    this.state.selection = null;
    history.pushState(null, '', writeState(this.state));
    this.replaceAddress();
    this.hideAnswer();
    this.view?.canvas.focus({ preventScroll: true });
  }

  private hideAnswer(): void {
    this.asking?.abort();
    this.asked = null;
    this.answerPanel.hidden = true;
    document.body.classList.remove('answering');
    this.view?.markPlace(null);
    this.view?.highlight([]);
  }

  /** The part of the map that no panel covers, in pixels of the map. */
  private freePart(): DOMRect {
    const box = this.mapBox.getBoundingClientRect();
    let { left, right, bottom } = box;
    const phone = matchMedia(PHONE).matches;
    for (const panel of [this.layersPanel, this.answerPanel]) {
      if (panel.hidden || panel.classList.contains('folded')) continue;
      const cover = panel.getBoundingClientRect();
      if (phone) bottom = Math.min(bottom, cover.top);
      else if (panel === this.layersPanel) left = Math.max(left, cover.right);
      else right = Math.min(right, cover.left);
    }
    return new DOMRect(left - box.left, 0, Math.max(80, right - left), Math.max(80, bottom - box.top));
  }

  // --- The page around the map ---

  private renderChrome(layersProblem?: string): void {
    const name = this.catalogue?.title ?? t('page.default_name');
    document.title = t('page.title', { name });
    this.tools.setAttribute('aria-label', t('tools.label'));
    this.crosshair.replaceChildren(h('span', {}, t('map.crosshair_hint')));
    this.renderLayers(name, layersProblem);
    this.renderTools();
    this.renderCorner();
    this.renderBadge();
  }

  private renderLayers(name: string, problem?: string): void {
    const scroll = this.layersPanel.querySelector('.panel-body')?.scrollTop ?? 0;
    const closed = new Map([...this.layersPanel.querySelectorAll<HTMLDetailsElement>('details.layer-group')].map((details, i) => [i, details.open]));
    this.layersPanel.setAttribute('aria-label', t('layers.heading'));
    const fold = () => {
      const folded = this.layersPanel.classList.toggle('folded');
      if (!folded && matchMedia(PHONE).matches) this.layersPanel.dataset.height = 'half';
      this.renderLayers(name);
      this.layersPanel.querySelector<HTMLElement>('.fold')?.focus();
    };
    const folded = this.layersPanel.classList.contains('folded');
    const label = t(folded ? 'layers.open' : 'layers.close');
    const body = problem
      ? h('p', { class: 'state error' }, problem)
      : this.catalogue
        ? layerList(this.groups, this.state, {
            switchLayer: (entry, shown) => {
              Object.assign(this.state, withShown(entry, shown, this.state));
              this.layersChanged();
            },
            setOpacity: (entry, percent) => {
              if (percent === 100) delete this.state.opacity[entry.key];
              else this.state.opacity[entry.key] = percent;
              this.layersChanged();
            },
          })
        : h('p', { class: 'state' }, t('layers.loading'));
    this.layersPanel.replaceChildren(
      sheetHandle(this.layersPanel),
      h(
        'div',
        { class: 'panel-head' },
        h('button', { type: 'button', class: 'tool fold', 'aria-expanded': String(!folded), 'aria-controls': 'layers-body', 'aria-label': label, title: label, onclick: fold }, icon(folded ? 'layers' : 'close')),
        h('h1', {}, name),
      ),
      h('div', { class: 'panel-body', id: 'layers-body' }, h('h2', { class: 'visually-hidden' }, t('layers.heading')), body, this.keyButton()),
    );
    if (closed.size > 0) this.layersPanel.querySelectorAll<HTMLDetailsElement>('details.layer-group').forEach((details, i) => (details.open = closed.get(i) ?? details.open));
    this.layersPanel.querySelector('.panel-body')!.scrollTop = scroll;
    if (this.view) markFarLayers(this.layersPanel, this.view.map.getZoom());
  }

  private layersChanged(): void {
    this.view?.applyLayers(this.state, this.groups);
    if (this.view) markFarLayers(this.layersPanel, this.view.map.getZoom());
    this.replaceAddress();
    this.renderBadge();
    if (this.state.terrain && this.view) this.view.terrainSurvey = this.survey();
  }

  private renderTools(): void {
    const focused = document.activeElement instanceof HTMLElement && this.tools.contains(document.activeElement) ? document.activeElement.id : null;
    const button = (id: string, label: string, content: Node | string, act: () => void, pressed?: boolean) =>
      h('button', { type: 'button', id: `tool-${id}`, class: 'tool', 'aria-label': label, title: label, 'aria-pressed': pressed === undefined ? null : String(pressed), onclick: act }, content);
    const other = t('tools.language_code') as 'sv' | 'en';
    const languageButton = button('language', t('tools.language'), t('tools.language_short'), () => {
      this.state.language = other;
      this.switchLanguage(other);
      this.replaceAddress();
    });
    languageButton.lang = other;
    this.tools.replaceChildren(
      h('div', { class: 'tool-group' }, button('in', t('tools.zoom_in'), icon('plus'), () => this.view?.zoomBy(1)), button('out', t('tools.zoom_out'), icon('minus'), () => this.view?.zoomBy(-1)), button('north', t('tools.north'), icon('north'), () => this.view?.northUp())),
      h(
        'div',
        { class: 'tool-group' },
        button('terrain', t(this.state.terrain ? 'tools.two_d' : 'tools.three_d'), t(this.state.terrain ? 'tools.two_d_short' : 'tools.three_d_short'), () => this.toggleTerrain()),
        button('place', t('tools.my_place'), icon('place'), () => this.goToMyPlace()),
      ),
      h('div', { class: 'tool-group' }, languageButton, button('share', t('tools.share'), icon('share'), () => void this.share())),
    );
    if (focused) document.getElementById(focused)?.focus();
    this.turnNorth();
  }

  /** Turns the arrow to where north is. */
  private turnNorth(): void {
    const arrow = this.tools.querySelector<SVGElement>('#tool-north .icon');
    if (arrow) arrow.style.transform = `rotate(${-(this.view?.map.getBearing() ?? 0)}deg)`;
  }

  private renderCorner(): void {
    const toggle = h(
      'button',
      {
        type: 'button',
        class: 'corner-button',
        'aria-pressed': String(this.coordinatesShown),
        onclick: () => {
          this.coordinatesShown = !this.coordinatesShown;
          this.renderCorner();
          this.corner.querySelector<HTMLElement>('.corner-button')?.focus();
          if (this.view) this.showCoordinates(this.view.centre());
        },
      },
      t(this.coordinatesShown ? 'tools.coordinates_hide' : 'tools.coordinates'),
    );
    this.corner.replaceChildren(toggle, h('output', { id: 'coordinates', hidden: !this.coordinatesShown }), h('a', { class: 'list-link', href: this.listAddress() }, t('page.list_link')));
  }

  private renderBadge(): void {
    const entries = this.groups.flatMap((group) => group.entries);
    const synthetic = entries.some((entry) => entry.synthetic && isShown(entry, this.state)) || (this.asked?.card().synthetic ?? false);
    this.badge.hidden = !synthetic;
    this.badge.title = t('page.synthetic_explained');
    this.badge.replaceChildren(t('page.synthetic_badge'), h('span', { class: 'visually-hidden' }, t('page.synthetic_explained')));
  }

  private showCoordinates(place: { lon: number; lat: number }): void {
    if (!this.coordinatesShown) return;
    const output = document.getElementById('coordinates');
    if (output) output.textContent = this.coordinateText(place);
  }

  private coordinateText(place: { lon: number; lat: number }): string {
    const grid = this.grid(place.lon);
    const { northingM, eastingM } = gridFromLonLat(grid, place.lon, place.lat);
    return `${grid.name}: N ${formatNumber(northingM, 1)}, E ${formatNumber(eastingM, 1)}`;
  }

  /** The twin's own grid where it is a SWEREF one, else the zone nearest to the place. */
  private grid(lon: number): Grid {
    const own = this.catalogue?.collections.map((info) => gridOf(info.storageCrs)).find((grid) => grid !== undefined) ?? gridOf(this.asked?.answer.at.crs);
    if (own) return own;
    const distance = (grid: Grid) => Math.abs(grid.centralMeridianDeg - lon);
    return GRIDS.slice(1).reduce((best, grid) => (distance(grid) < distance(best) ? grid : best));
  }

  private toggleTerrain(): void {
    const survey = this.survey();
    if (!survey) {
      this.notify(t('tools.no_terrain'));
      return;
    }
    this.state.terrain = !this.state.terrain;
    this.view?.setTerrain(this.state.terrain, survey);
    this.replaceAddress();
    this.renderTools();
  }

  private goToMyPlace(): void {
    if (!('geolocation' in navigator)) {
      this.notify(t('tools.my_place_failed'));
      return;
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => this.view?.goTo(coords.longitude, coords.latitude),
      () => this.notify(t('tools.my_place_failed')),
      { enableHighAccuracy: true, timeout: 10_000 },
    );
  }

  private async share(): Promise<void> {
    if (this.view) this.state.camera = this.view.camera();
    this.state.language = language();
    this.replaceAddress();
    try {
      await navigator.clipboard.writeText(location.href);
      this.notify(t('tools.share_done'));
    } catch {
      this.notify(t('tools.share_failed'));
    }
  }

  // --- Staff ---

  private keyButton(): HTMLElement {
    const loggedIn = staffKey() !== null;
    return h(
      'button',
      {
        type: 'button',
        class: 'key-button',
        onclick: () => {
          if (!loggedIn) return this.openKeyDialog();
          setStaffKey(null);
          this.notify(t('key.forgotten'));
          void this.reload();
        },
      },
      icon(loggedIn ? 'exit' : 'key'),
      t(loggedIn ? 'tools.logout' : 'tools.login'),
    );
  }

  private openKeyDialog(): void {
    const input = h('input', { id: 'key', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'key-problem' });
    const problem = h('p', { id: 'key-problem', class: 'state error', role: 'alert' });
    const submit = h('button', { type: 'submit', class: 'primary' }, t('key.submit'));
    const form = h(
      'form',
      {
        onsubmit: (event: SubmitEvent) => {
          event.preventDefault();
          void (async () => {
            submit.disabled = true;
            problem.textContent = t('key.checking');
            try {
              await fetchCollections(input.value.trim());
              setStaffKey(input.value.trim());
              this.dialog.close();
              this.notify(t('key.accepted'));
              await this.reload();
            } catch (cause) {
              const refused = cause instanceof Failure && (cause.status === 401 || cause.status === 403);
              problem.textContent = refused ? t('key.refused') : reasonOf(cause);
              submit.disabled = false;
              input.focus();
            }
          })();
        },
      },
      h('h2', { id: 'key-heading' }, t('key.heading')),
      h('p', {}, t('key.explained')),
      h('label', { for: 'key' }, t('key.label')),
      input,
      problem,
      h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: () => this.dialog.close() }, t('key.cancel')), submit),
    );
    this.dialog.setAttribute('aria-labelledby', 'key-heading');
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
    input.focus();
  }

  /** Fetches everything again, as another caller. */
  private async reload(): Promise<void> {
    forgetSchemas();
    this.failedLayers.clear();
    if (this.view) this.state.camera = this.view.camera();
    await this.load();
  }

  // --- Words to the reader ---

  private notify(text: string): void {
    const notice = h('p', {}, text);
    this.notices.replaceChildren(notice);
    setTimeout(() => notice.remove(), 6000);
  }

  private announce(text: string): void {
    this.announcer.textContent = text;
  }
}

/** The handle of a bottom sheet: each press is the next of three heights, a drag the nearest. */
function sheetHandle(panel: HTMLElement): HTMLElement {
  const heights = ['peek', 'half', 'full'];
  const step = (by: number, wrap: boolean) => {
    const at = heights.indexOf(panel.dataset.height ?? 'half') + by;
    panel.dataset.height = heights[wrap ? (at + heights.length) % heights.length : Math.max(0, Math.min(heights.length - 1, at))]!;
  };
  let start: number | null = null;
  let dragged = false;
  return h(
    'button',
    {
      type: 'button',
      class: 'sheet-handle',
      'aria-label': t('sheet.resize'),
      onclick: () => {
        if (!dragged) step(1, true);
      },
      onpointerdown: (event: PointerEvent) => {
        start = event.clientY;
        dragged = false;
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
      },
      onpointerup: (event: PointerEvent) => {
        const moved = start === null ? 0 : event.clientY - start;
        start = null;
        if (Math.abs(moved) < 24) return;
        dragged = true;
        step(moved < 0 ? 1 : -1, false);
      },
    },
    h('span', { 'aria-hidden': 'true' }),
  );
}

function reasonOf(cause: unknown): string {
  return cause instanceof Failure ? cause.message : t('error.network');
}

function sourceOf(style: StyleSpecification, layer: string): string | undefined {
  const found = style.layers.find((candidate) => candidate.id === layer);
  return found && 'source' in found ? (found.source as string) : undefined;
}

/** A box around what there is to see; collections of the whole world say nothing about a town. */
function boundsOfAll(collections: CollectionInfo[]): [number, number, number, number] | null {
  const surveys = collections.filter((info) => info['tvilling:kind'] === 'survey');
  const boxes = (surveys.length > 0 ? surveys : collections).map((info) => info.extent?.spatial?.bbox?.[0]).filter((box) => box !== undefined && box.length >= 4) as number[][];
  if (boxes.length === 0) return null;
  // A box with heights has six numbers.
  const flat = boxes.map((box) => (box.length >= 6 ? [box[0]!, box[1]!, box[3]!, box[4]!] : box));
  const pick = (i: number, choose: (...values: number[]) => number) => choose(...flat.map((box) => box[i]!));
  return [pick(0, Math.min), pick(1, Math.min), pick(2, Math.max), pick(3, Math.max)];
}
