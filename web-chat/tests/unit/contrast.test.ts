import { describe, expect, it } from 'vitest';
import tokens from '../../src/style/tokens.css?raw';

const PAIRS: readonly (readonly [text: string, on: string])[] = [
  ...['bg', 'surface', 'raised', 'sunken'].flatMap((on) => ['ink', 'ink-2', 'ink-3', 'accent'].map((text) => [text, on] as const)),
  ...['good', 'warn', 'bad', 'info'].flatMap((tone) => [[tone, `${tone}-soft`], [tone, 'surface']] as const),
  ['accent-ink', 'accent'], ['accent-ink', 'accent-hover'], ['accent-soft-ink', 'accent-soft'], ['ink', 'accent-soft'], ['ink', 'bad-soft'], ['bad', 'sunken'],
];

function colour(name: string, dark: boolean): readonly number[] {
  const found = new RegExp(`--tp-${name}: light-dark\\(#(\\w{6}), #(\\w{6})\\)`).exec(tokens);
  const hex = found?.[dark ? 2 : 1];
  if (hex === undefined) throw new Error(`no colour ${name}`);
  return [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255);
}

function luminance(rgb: readonly number[]): number {
  const [r = 0, g = 0, b = 0] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: readonly number[], b: readonly number[]): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

describe.each([['light', false], ['dark', true]] as const)('every text can be read in the %s', (_, dark) => {
  it.each(PAIRS)('%s on %s', (text, on) => {
    expect(contrast(colour(text, dark), colour(on, dark))).toBeGreaterThanOrEqual(4.5);
  });

  it('white on the fill of what destroys', () => {
    expect(contrast([1, 1, 1], colour('bad-fill', dark))).toBeGreaterThanOrEqual(4.5);
  });

  it('the edge of a control stands out', () => {
    expect(contrast(colour('line-strong', dark), colour('surface', dark))).toBeGreaterThanOrEqual(3);
  });
});
