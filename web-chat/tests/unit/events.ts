/** Events as the server would number them, and the views that go in them. */
import type { Envelope, Event, PlanView, StreamProgress } from '../../src/protocol.ts';

export const AT = '2026-03-01T10:00:00Z';

export function numbered(...events: readonly Event[]): readonly Envelope[] {
  return events.map((event, i) => ({ seq: i + 1, at: AT, ...event }));
}

export const plan: PlanView = {
  name: 'customers to warehouse',
  spec: { version: 1 },
  source: { connection: 'shop', connector: 'sqlite' },
  destination: { connection: 'warehouse', connector: 'duckdb', namespace: 'main' },
  streams: [{
    stream: 'main.customers', target: 'customers', read: 'incremental', write: 'merge', cursor: 'updated_at', key: ['customer_id'], rows: 1204, bytes: 9000,
    columns: [
      { source: 'customer_id', source_type: 'INTEGER', target: 'customer_id', target_type: 'BIGINT', verdict: 'exact' },
      { source: 'amount', source_type: 'NUMERIC', target: 'amount', target_type: 'DOUBLE', verdict: 'lossy', note: 'more than 15 digits are rounded' },
    ],
    evidence: [{ code: 'unique', text: '`customer_id` is unique.' }],
  }],
  effects: [{ kind: 'read', object: 'main.customers', text: 'Read `main.customers`', destructive: false }],
  schedule: null,
  assumptions: [],
  warnings: [],
  destructive: [],
};

export function progress(change: Partial<StreamProgress> = {}): StreamProgress {
  return { rows_read: 10, rows_written: 10, bytes: 100, rows_quarantined: 0, rows_per_second: 5, percent: 50, eta_seconds: 2, done: false, ...change };
}

/** A whole talk: an ask, tools, an answer, a plan, a yes, a run and its receipt. */
export const wholeTalk = numbered(
  { type: 'user_said', message: 1, text: 'Transfer customers', attachments: [] },
  { type: 'tool_started', call: 'a', tool: 'list_streams', title: 'Listing' },
  { type: 'tool_ended', call: 'a', tool: 'list_streams', outcome: 'ok', milliseconds: 3, view: { streams: [] } },
  { type: 'tool_started', call: 'b', tool: 'describe_stream', title: 'Reading columns' },
  { type: 'tool_ended', call: 'b', tool: 'describe_stream', outcome: 'refused', milliseconds: 1, view: null },
  { type: 'text_delta', message: 2, text: 'Here is ' },
  { type: 'text_delta', message: 2, text: 'a plan.' },
  { type: 'message_ended', message: 2 },
  { type: 'plan_proposed', plan: 'p1', digest: 'd1', view: plan },
  { type: 'turn_ended', outcome: 'done' },
  { type: 'plan_confirmed', plan: 'p1', digest: 'd1', by: 'owner', pipeline: 'l1', run: 'r1' },
  { type: 'run_moved', run: 'r1', pipeline: 'l1', phase: 'initializing' },
  { type: 'run_moved', run: 'r1', pipeline: 'l1', phase: 'transferring' },
  { type: 'run_progress', run: 'r1', stream: 'customers', progress: progress() },
  { type: 'run_log', run: 'r1', level: 'info', stage: 'transferring', message: 'Committed epoch 1' },
  { type: 'run_progress', run: 'r1', stream: 'customers', progress: progress({ rows_written: 20, percent: 100, done: true }) },
  { type: 'run_moved', run: 'r1', pipeline: 'l1', phase: 'completed' },
  { type: 'run_finished', run: 'r1', phase: 'completed', receipt: { run: 'r1', streams: [] } },
);
