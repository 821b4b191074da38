// Elements without markup in strings: nothing from a server is ever parsed as HTML.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an HTML element; `on…` attributes are listeners, `false` and `null` ones are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

/** Makes an SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Makes a button that acts, or the same content at rest where there is nothing to do. */
export function pressable(act: (() => void) | null, label: string, style: string, ...children: Child[]): HTMLElement {
  return act ? h('button', { type: 'button', class: style, title: label, onclick: act }, ...children) : h('div', { class: style }, ...children);
}

/** Sets custom properties, which a content security policy allows where a `style` attribute is forbidden. */
export function vars<E extends HTMLElement | SVGElement>(element: E, values: Record<string, string>): E {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, value);
  return element;
}

/** A text for screen readers only. */
export function quiet(text: string): HTMLElement {
  return h('span', { class: 'visually-hidden' }, text);
}

/** Line drawings of the tools, 24 by 24. */
const ICONS: Record<string, string> = {
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  layers: 'M12 4 3 9l9 5 9-5-9-5ZM3.5 14 12 18.7 20.5 14',
  north: 'M12 3 7 20l5-3.5L17 20 12 3Z',
  place: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v4M12 18v4M2 12h4M18 12h4',
  share: 'M9 15l6-6M10.5 6.8l1.6-1.6a4.7 4.7 0 0 1 6.7 6.7l-1.6 1.6M13.5 17.2l-1.6 1.6a4.7 4.7 0 0 1-6.7-6.7l1.6-1.6',
  key: 'M14.5 4a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM10.4 13.4 4 20v0M6 18l2 2M8.3 15.7l2 2M15.5 8.5v.1',
  exit: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.1M4 12h.1M4 18h.1',
  print: 'M7 9V4h10v5M7 17H4v-8h16v8h-3M7 14h10v6H7z',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6Z',
};

export function icon(name: keyof typeof ICONS | string): SVGElement {
  return s('svg', { class: 'icon', viewBox: '0 0 24 24', width: 24, height: 24, 'aria-hidden': 'true', focusable: 'false' }, s('path', { d: ICONS[name] ?? '' }));
}
