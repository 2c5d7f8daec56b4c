import { describe, expect, it } from 'vitest';
import { empty, fold, pendingPlan, type Conversation } from '../../src/fold.ts';
import { LOG_TAIL, foldRunTopic, newRunTopic, totals } from '../../src/fold-run.ts';
import type { Envelope } from '../../src/protocol.ts';
import { AT, numbered, plan, progress, wholeTalk } from './events.ts';

const folded = (events: readonly Envelope[], from: Conversation = empty): Conversation => events.reduce(fold, from);
const kinds = (state: Conversation): readonly string[] => state.items.map((i) => i.kind);

describe('replay and living through it', () => {
  const whole = folded(wholeTalk);

  it('gives what the talk was', () => {
    expect(kinds(whole)).toEqual(['user', 'tools', 'agent', 'plan', 'run']);
    expect(whole.working).toBe(false);
    expect(whole.seq).toBe(wholeTalk.length);
    expect(whole.runs.r1).toMatchObject({ phase: 'completed', pipeline: 'l1', finished: AT, receipt: { run: 'r1' } });
    expect(whole.runs.r1?.streams.customers?.rows_written).toBe(20);
  });

  it('is the same from any point at which the link broke', () => {
    for (let cut = 0; cut <= wholeTalk.length; cut += 1) {
      const before = folded(wholeTalk.slice(0, cut));
      expect(folded(wholeTalk.slice(before.seq), before)).toEqual(whole);
    }
  });

  it('ignores what it has seen, however often it comes', () => {
    expect(folded(wholeTalk.flatMap((e) => [e, e]))).toEqual(whole);
    expect(folded(wholeTalk, whole)).toBe(whole);
    expect(folded([...wholeTalk.slice(0, 7), ...wholeTalk.slice(2)])).toEqual(whole);
  });

  it('never changes the state that it was given', () => {
    const frozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
      Object.freeze(value);
      Object.values(value).forEach(frozen);
    };
    let state = empty;
    for (const event of wholeTalk) {
      frozen(state);
      state = fold(state, event);
    }
    expect(state).toEqual(whole);
  });
});

describe('gaps', () => {
  it('says what is missing and takes nothing until it comes', () => {
    const [first, second, third, fourth] = numbered(
      { type: 'user_said', message: 1, text: 'a', attachments: [] }, { type: 'text_delta', message: 2, text: 'b' },
      { type: 'text_delta', message: 2, text: 'c' }, { type: 'turn_ended', outcome: 'done' });
    const one = folded([first!]);
    const gap = folded([third!, fourth!], one);
    expect(gap).toEqual({ ...one, missing: 2 });
    expect(folded([second!, third!, fourth!], gap)).toEqual(folded([first!, second!, third!, fourth!]));
  });
});

describe('unknown events', () => {
  it('keep their place and change nothing else', () => {
    const state = folded(wholeTalk);
    const after = fold(state, { seq: state.seq + 1, at: AT, type: 'unrecognised', was: 'weather' });
    expect(after).toEqual({ ...state, seq: state.seq + 1 });
  });
});

describe('tools', () => {
  it('that follow one another share a line; text between them starts another', () => {
    const state = folded(numbered(
      { type: 'tool_started', call: 'a', tool: 't', title: 'A' }, { type: 'tool_started', call: 'b', tool: 't', title: 'B' },
      { type: 'tool_ended', call: 'a', tool: 't', outcome: 'ok', milliseconds: 1 },
      { type: 'text_delta', message: 2, text: 'x' }, { type: 'tool_started', call: 'c', tool: 't', title: 'C' }));
    expect(kinds(state)).toEqual(['tools', 'agent', 'tools']);
    expect(state.items[0]).toMatchObject({ calls: [{ call: 'a', outcome: 'ok' }, { call: 'b', outcome: null }] });
  });

  it('and messages are closed by the end of a turn', () => {
    const state = folded(numbered({ type: 'tool_started', call: 'a', tool: 't', title: 'A' }, { type: 'text_delta', message: 2, text: 'x' }, { type: 'turn_ended', outcome: 'cancelled' }));
    expect(state.items).toMatchObject([{ calls: [{ outcome: 'failed' }] }, { ended: true }, { kind: 'turn', outcome: 'cancelled' }]);
  });
});

describe('plans', () => {
  it('are replaced by a newer one, and only the newest waits', () => {
    const state = folded(numbered({ type: 'plan_proposed', plan: 'p1', digest: 'd1', view: plan }, { type: 'plan_proposed', plan: 'p2', digest: 'd2', view: plan }));
    expect(state.items).toMatchObject([{ state: { is: 'superseded' } }, { state: { is: 'proposed' } }]);
    expect(pendingPlan(state)?.digest).toBe('d2');
  });

  it('are dismissed', () => {
    const state = folded(numbered({ type: 'plan_proposed', plan: 'p1', digest: 'd1', view: plan }, { type: 'plan_dismissed', plan: 'p1' }));
    expect(pendingPlan(state)).toBeNull();
  });

  it('confirmed without a run show no run', () => {
    const state = folded(numbered({ type: 'plan_proposed', plan: 'p1', digest: 'd1', view: plan }, { type: 'plan_confirmed', plan: 'p1', digest: 'd1', by: 'ana', pipeline: 'l1', run: null }));
    expect(kinds(state)).toEqual(['plan']);
    expect(state.items[0]).toMatchObject({ state: { is: 'confirmed', by: 'ana' } });
  });
});

describe('questions and actions', () => {
  it('a question is open until something is said', () => {
    const asked = folded(numbered({ type: 'question', about: 'streams', text: 'Which?', options: [] }));
    expect(asked.items[0]).toMatchObject({ open: true });
    expect(fold(asked, { seq: 2, at: AT, type: 'user_said', message: 3, text: 'orders', attachments: [] }).items[0]).toMatchObject({ open: false });
  });

  it('an action is updated where it stands', () => {
    const state = folded(numbered(
      { type: 'action', id: 'x', action: 'stop_run', state: 'offered', on: 'p', text: 'Stop it?' }, { type: 'out_of_scope', text: 'No poems.' },
      { type: 'action', id: 'x', action: 'stop_run', state: 'done', on: 'p', text: 'Stopped.' }));
    expect(state.items).toMatchObject([{ kind: 'action', state: 'done', text: 'Stopped.' }, { kind: 'out_of_scope' }]);
  });
});

describe('runs', () => {
  it('that were only named by their events get one card', () => {
    const state = folded(numbered({ type: 'run_moved', run: 'r', phase: 'initializing' }, { type: 'run_progress', run: 'r', stream: 's', progress: progress() }));
    expect(kinds(state)).toEqual(['run']);
  });

  it('keep the step they had reached while they retry or after they fail', () => {
    const topic = numbered({ type: 'run_moved', run: 'r', phase: 'transferring' }, { type: 'run_moved', run: 'r', phase: 'retrying', message: 'lost' }, { type: 'run_moved', run: 'r', phase: 'failed', message: 'gone', hint: 'Check it.' })
      .reduce(foldRunTopic, newRunTopic('r'));
    expect(topic.run).toMatchObject({ phase: 'failed', reached: 'transferring', message: 'gone', hint: 'Check it.', finished: AT });
  });

  it('keep the newest lines of the log', () => {
    const lines = numbered(...Array.from({ length: LOG_TAIL + 5 }, (_, i) => ({ type: 'run_log' as const, run: 'r', level: 'info' as const, stage: 's', message: String(i) })));
    const log = lines.reduce(foldRunTopic, newRunTopic('r')).run.log;
    expect(log).toHaveLength(LOG_TAIL);
    expect(log.at(-1)?.message).toBe(String(LOG_TAIL + 4));
  });

  it('know their share only when every stream does', () => {
    expect(totals({ a: progress({ percent: 50 }), b: progress({ done: true, percent: null }) }).percent).toBe(75);
    expect(totals({ a: progress({ percent: 50 }), b: progress({ percent: null }) }).percent).toBeNull();
    expect(totals({}).percent).toBeNull();
  });
});
