import { describe, expect, it } from 'vitest';
import { isFinal, isPlanView, parseEnvelope, parseRefused } from '../../src/protocol.ts';
import { plan, wholeTalk } from './events.ts';

describe('parseEnvelope', () => {
  it('takes every event of a talk as it is', () => {
    for (const envelope of wholeTalk) expect(parseEnvelope(JSON.parse(JSON.stringify(envelope)))).toEqual(envelope);
  });

  it('keeps the place of a type it does not know', () => {
    expect(parseEnvelope({ seq: 4, at: 'now', type: 'weather', text: 'rain' })).toEqual({ seq: 4, at: 'now', type: 'unrecognised', was: 'weather' });
    expect(parseEnvelope({ seq: 4, type: 'constructor' })).toMatchObject({ type: 'unrecognised' });
    expect(parseEnvelope({ seq: 4 })).toMatchObject({ type: 'unrecognised', was: 'undefined' });
  });

  it('treats a known type without its fields as unknown', () => {
    expect(parseEnvelope({ seq: 1, at: 'now', type: 'text_delta', message: 1 })).toMatchObject({ type: 'unrecognised', was: 'text_delta' });
    expect(parseEnvelope({ seq: 1, at: 'now', type: 'plan_proposed', plan: 'p', digest: 'd', view: { name: 'x' } })).toMatchObject({ type: 'unrecognised' });
  });

  it('refuses what has no place', () => {
    for (const value of [null, 3, 'text', [], {}, { type: 'text_delta', text: 'x', message: 1 }, { seq: '1', type: 'x' }, { seq: 1.5 }]) expect(parseEnvelope(value)).toBeNull();
  });

  it('fills in the one list that may be left out', () => {
    expect(parseEnvelope({ seq: 1, at: 'now', type: 'user_said', message: 1, text: 'x' })).toMatchObject({ attachments: [] });
  });
});

it('parseRefused reads a refusal and nothing else', () => {
  expect(parseRefused({ type: 'refused', code: 'stale', message: 'The plan changed.' })?.code).toBe('stale');
  expect(parseRefused({ type: 'turn_ended', outcome: 'done' })).toBeNull();
  expect(parseRefused({ type: 'refused' })).toBeNull();
});

it('isPlanView wants what the card shows', () => {
  expect(isPlanView(plan)).toBe(true);
  expect(isPlanView({ ...plan, destructive: undefined })).toBe(false);
});

it('three phases are final', () => {
  expect((['queued', 'streaming', 'retrying', 'cancelling'] as const).some(isFinal)).toBe(false);
  expect((['completed', 'failed', 'cancelled'] as const).every(isFinal)).toBe(true);
});
