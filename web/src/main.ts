// Where the page starts: the map, or the list without it.

import { setLanguage } from './i18n';
import { readState } from './url-state';

const root = document.getElementById('app')!;
const language = readState(location.hash).language ?? (navigator.languages[0]?.startsWith('en') ? 'en' : 'sv');
setLanguage(language);
document.documentElement.lang = language;

// Each view is a script of its own: the list does not wait for MapLibre.
if (new URLSearchParams(location.search).get('view') === 'list') {
  void import('./list-page').then(({ startList }) => startList(root));
} else {
  void import('./map-page').then(({ startMap }) => startMap(root));
}
