/** One run, as a pure fold over its events. The chat and the run page share it. */
import { isFinal, type Envelope, type LogLevel, type RunPhase, type StreamProgress } from './protocol.ts';

export interface LogLine {
  readonly seq: number;
  readonly at: string;
  readonly level: LogLevel;
  readonly stage: string;
  readonly stream: string | null;
  readonly message: string;
}

export interface RunState {
  readonly run: string;
  readonly pipeline: string | null;
  readonly phase: RunPhase;
  /** The furthest phase that work was done in; what the steps show while a run retries or after it failed. */
  readonly reached: RunPhase;
  readonly started: string | null;
  readonly finished: string | null;
  readonly message: string | null;
  readonly hint: string | null;
  readonly streams: Readonly<Record<string, StreamProgress>>;
  /** The newest lines; the whole log is at the run's own address. */
  readonly log: readonly LogLine[];
  readonly receipt: unknown;
}

export const LOG_TAIL = 200;

export type RunEvent = Extract<Envelope, { type: 'run_moved' | 'run_progress' | 'run_log' | 'run_finished' }>;

export function isRunEvent(event: Envelope): event is RunEvent {
  return event.type === 'run_moved' || event.type === 'run_progress' || event.type === 'run_log' || event.type === 'run_finished';
}

export function newRun(run: string): RunState {
  return {
    run, pipeline: null, phase: 'queued', reached: 'queued', started: null, finished: null,
    message: null, hint: null, streams: {}, log: [], receipt: null,
  };
}

const STEPS: readonly RunPhase[] = ['queued', 'initializing', 'analyzing', 'transferring', 'streaming', 'completed'];

export function foldRun(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'run_moved': {
      const moved = {
        ...state, phase: event.phase, reached: reach(state.reached, event.phase), pipeline: event.pipeline ?? state.pipeline,
        message: event.message ?? null, hint: event.hint ?? null,
      };
      return stamp(moved, event.at);
    }
    case 'run_progress':
      return stamp({ ...state, streams: { ...state.streams, [event.stream]: event.progress } }, event.at);
    case 'run_log': {
      const { seq, at, level, stage, message } = event;
      return { ...state, log: [...state.log, { seq, at, level, stage, stream: event.stream ?? null, message }].slice(-LOG_TAIL) };
    }
    case 'run_finished':
      return stamp({ ...state, phase: event.phase, reached: reach(state.reached, event.phase), receipt: event.receipt ?? null }, event.at);
  }
}

function reach(before: RunPhase, now: RunPhase): RunPhase {
  return STEPS.indexOf(now) > STEPS.indexOf(before) ? now : before;
}

function stamp(state: RunState, at: string): RunState {
  const started = state.started ?? (state.phase === 'queued' ? null : at);
  return { ...state, started, finished: isFinal(state.phase) ? (state.finished ?? at) : null };
}

export interface RunTotals {
  readonly read: number;
  readonly written: number;
  readonly bytes: number;
  readonly quarantined: number;
  readonly rate: number;
  /** Of all streams together, where every one of them knows. */
  readonly percent: number | null;
  readonly eta: number | null;
}

export function totals(streams: Readonly<Record<string, StreamProgress>>): RunTotals {
  const all = Object.values(streams);
  const sum = (of: (s: StreamProgress) => number): number => all.reduce((n, s) => n + of(s), 0);
  const shares = all.map((s) => (s.done ? 100 : s.percent ?? null));
  const known = shares.filter((p): p is number => p !== null);
  const etas = all.map((s) => s.eta_seconds ?? null).filter((e): e is number => e !== null);
  return {
    read: sum((s) => s.rows_read),
    written: sum((s) => s.rows_written),
    bytes: sum((s) => s.bytes),
    quarantined: sum((s) => s.rows_quarantined),
    rate: sum((s) => (s.done ? 0 : s.rows_per_second)),
    percent: all.length > 0 && known.length === all.length ? known.reduce((a, b) => a + b, 0) / all.length : null,
    eta: etas.length > 0 ? Math.max(...etas) : null,
  };
}

/** A run's own topic, followed from its own address. */
export interface RunTopic {
  readonly seq: number;
  readonly missing: number | null;
  readonly run: RunState;
}

export function newRunTopic(run: string): RunTopic {
  return { seq: 0, missing: null, run: newRun(run) };
}

export function foldRunTopic(state: RunTopic, envelope: Envelope): RunTopic {
  if (envelope.seq <= state.seq) return state;
  if (envelope.seq > state.seq + 1) return state.missing === null ? { ...state, missing: state.seq + 1 } : state;
  const run = isRunEvent(envelope) ? foldRun(state.run, envelope) : state.run;
  return { seq: envelope.seq, missing: null, run };
}
