import { describe, expect, it } from 'vitest';
import { emptyState, readState, writeState, type ViewState } from './url-state';

describe('the address', () => {
  it('restores everything that it was given', () => {
    const state: ViewState = {
      camera: { zoom: 16.25, lat: 62.391234, lon: 17.305678, bearing: -20.5, pitch: 45 },
      on: ['permits', 'a,b&c=d:e/å'],
      off: ['signs'],
      opacity: { planned_works: 60, 'x:y': 35 },
      selection: { lon: 17.3030001, lat: 62.3908002, radiusM: 3.25 },
      language: 'en',
      terrain: true,
    };
    expect(readState(writeState(state))).toEqual(state);
  });

  it('is short when nothing differs from the defaults', () => {
    expect(writeState(emptyState())).toBe('#');
    expect(writeState({ ...emptyState(), camera: { zoom: 15, lat: 62.39, lon: 17.3, bearing: 0, pitch: 0 } })).toBe('#15/62.39/17.3');
  });

  it('is the same when read and written again', () => {
    const address = '#17/62.39088/17.303&off=signs&s=17.303,62.39088,3&lang=sv&3d=1';
    expect(writeState(readState(address))).toBe(address);
  });

  it('ignores what is malformed and keeps the rest', () => {
    for (const bad of ['#99/0/0', '#a/b/c', '#15/62', '#s=1', '#s=a,b', '#o=x:900', '#lang=de', '#%E0%A4%A', '#&&=']) {
      expect(readState(bad), bad).toEqual(emptyState());
    }
    expect(readState('#15/62/17&lang=xx&on=signs').on).toEqual(['signs']);
  });
});
