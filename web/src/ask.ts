// A click asked of the server, and its answer made into a card.

import { getJson, schemaOf, type Answer, type CollectionInfo } from './api';
import { cardFrom, collectionsIn, type AnswerCard, type Context } from './card-model';
import type { Selection } from './url-state';

export interface Asked {
  answer: Answer;
  /** Made again on a change of language. */
  card: () => AnswerCard;
}

export async function ask(selection: Selection, collections: Map<string, CollectionInfo>, signal?: AbortSignal): Promise<Asked> {
  const query = new URLSearchParams({
    lon: selection.lon.toFixed(8),
    lat: selection.lat.toFixed(8),
    radius: selection.radiusM.toFixed(2),
    geometry: 'true',
  });
  const answer = await getJson<Answer>(`identify?${query}`, { signal });
  const ids = collectionsIn(answer);
  const schemas = await Promise.all(ids.map((id) => schemaOf(id)));
  const context: Context = { collections, schemas: new Map(ids.map((id, i) => [id, schemas[i]!])), now: new Date() };
  return { answer, card: () => cardFrom(answer, context) };
}

/** All collections that the caller may see, by id. */
export async function fetchCollections(key?: string | null): Promise<{ title: string | undefined; list: CollectionInfo[] }> {
  const answer = await getJson<{ title?: string; collections?: CollectionInfo[] }>('collections', key === undefined ? {} : { key });
  return { title: answer.title, list: answer.collections ?? [] };
}
