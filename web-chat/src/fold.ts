/**
 * What the chat shows, as a pure fold over events: `events.reduce(fold, empty)`. Replaying a conversation and living
 * through it give the same value, so reconnecting is the same fold from the last sequence number.
 */
import type {
  ActionState, AttachmentView, CauseView, Envelope, Outcome, PlanView, ProblemView, QuestionOption,
} from './protocol.ts';
import { foldRun, newRun, type RunState } from './fold-run.ts';

export interface ToolCall {
  readonly call: string;
  readonly tool: string;
  readonly title: string;
  readonly outcome: Outcome | null;
  readonly milliseconds: number | null;
  readonly view: unknown;
}

export type PlanState =
  | { readonly is: 'proposed' }
  | { readonly is: 'confirmed'; readonly by: string; readonly pipeline: string; readonly run: string | null }
  | { readonly is: 'dismissed' }
  | { readonly is: 'superseded' };

export type Item =
  | { readonly kind: 'user'; readonly message: number; readonly text: string; readonly attachments: readonly AttachmentView[]; readonly at: string }
  | { readonly kind: 'agent'; readonly message: number; readonly text: string; readonly ended: boolean }
  | { readonly kind: 'tools'; readonly calls: readonly ToolCall[] }
  | { readonly kind: 'question'; readonly about: string; readonly text: string; readonly options: readonly QuestionOption[]; readonly open: boolean }
  | { readonly kind: 'plan'; readonly plan: string; readonly digest: string; readonly view: PlanView; readonly state: PlanState }
  | { readonly kind: 'rejected'; readonly problems: readonly ProblemView[] }
  | { readonly kind: 'redacted'; readonly kinds: readonly string[]; readonly text: string }
  | { readonly kind: 'diagnosis'; readonly causes: readonly CauseView[]; readonly run: string | null }
  | { readonly kind: 'action'; readonly id: string; readonly action: string; readonly state: ActionState; readonly on: string | null; readonly text: string; readonly view: unknown }
  | { readonly kind: 'out_of_scope'; readonly text: string }
  | { readonly kind: 'run'; readonly run: string }
  | { readonly kind: 'turn'; readonly outcome: 'cancelled' | 'failed'; readonly message: string | null };

export type ItemKind = Item['kind'];
type ItemOf<K extends ItemKind> = Extract<Item, { kind: K }>;

export interface Conversation {
  /** The last event folded in. */
  readonly seq: number;
  readonly items: readonly Item[];
  readonly runs: Readonly<Record<string, RunState>>;
  /** Whether the agent is at work on an answer. */
  readonly working: boolean;
  /** The first event that is missing, where one arrived too early. Whoever holds the link asks again from `seq`. */
  readonly missing: number | null;
}

export const empty: Conversation = { seq: 0, items: [], runs: {}, working: false, missing: null };

export function fold(state: Conversation, envelope: Envelope): Conversation {
  if (envelope.seq <= state.seq) return state;
  if (envelope.seq > state.seq + 1) return state.missing === null ? { ...state, missing: state.seq + 1 } : state;
  return apply({ ...state, seq: envelope.seq, missing: null }, envelope);
}

function apply(state: Conversation, event: Envelope): Conversation {
  switch (event.type) {
    case 'user_said': {
      const items = state.items.map(closeQuestion);
      const { message, text, attachments, at } = event;
      return { ...state, working: true, items: [...items, { kind: 'user', message, text, attachments, at }] };
    }
    case 'text_delta':
      return { ...state, items: withText(state.items, event.message, event.text) };
    case 'message_ended':
      return { ...state, items: update(state.items, 'agent', (i) => i.message === event.message, (i) => ({ ...i, ended: true })) };
    case 'tool_started': {
      const { call, tool, title } = event;
      return { ...state, items: withTool(state.items, { call, tool, title, outcome: null, milliseconds: null, view: null }) };
    }
    case 'tool_ended':
      return { ...state, items: endTool(state.items, event) };
    case 'question': {
      const { about, text, options } = event;
      return { ...state, items: [...state.items, { kind: 'question', about, text, options, open: true }] };
    }
    case 'plan_proposed': {
      const { plan, digest, view } = event;
      const older = update(state.items, 'plan', (i) => i.state.is === 'proposed', (i) => ({ ...i, state: { is: 'superseded' } }));
      return { ...state, items: [...older, { kind: 'plan', plan, digest, view, state: { is: 'proposed' } }] };
    }
    case 'plan_rejected':
      return { ...state, items: [...state.items, { kind: 'rejected', problems: event.problems }] };
    case 'plan_confirmed': {
      const run = event.run ?? null;
      const settled: PlanState = { is: 'confirmed', by: event.by, pipeline: event.pipeline, run };
      const items = update(state.items, 'plan', (i) => i.plan === event.plan, (i) => ({ ...i, state: settled }));
      const next = { ...state, items };
      return run === null ? next : withRun(next, run);
    }
    case 'plan_dismissed':
      return { ...state, items: update(state.items, 'plan', (i) => i.plan === event.plan, (i) => ({ ...i, state: { is: 'dismissed' } })) };
    case 'secret_redacted':
      return { ...state, items: [...state.items, { kind: 'redacted', kinds: event.kinds, text: event.text }] };
    case 'diagnosis':
      return { ...state, items: [...state.items, { kind: 'diagnosis', causes: event.causes, run: event.run ?? null }] };
    case 'action': {
      const { id, action, text } = event;
      const item: Item = { kind: 'action', id, action, state: event.state, on: event.on ?? null, text, view: event.view ?? null };
      const known = state.items.some((i) => i.kind === 'action' && i.id === id);
      return { ...state, items: known ? update(state.items, 'action', (i) => i.id === id, () => item) : [...state.items, item] };
    }
    case 'out_of_scope':
      return { ...state, items: [...state.items, { kind: 'out_of_scope', text: event.text }] };
    case 'run_moved': case 'run_progress': case 'run_log': case 'run_finished': {
      const next = withRun(state, event.run);
      const run = next.runs[event.run] ?? newRun(event.run);
      return { ...next, runs: { ...next.runs, [event.run]: foldRun(run, event) } };
    }
    case 'turn_ended': {
      const items = state.items.map(settle);
      const ended = { ...state, working: false, items };
      if (event.outcome === 'done') return ended;
      return { ...ended, items: [...items, { kind: 'turn', outcome: event.outcome, message: event.message ?? null }] };
    }
    case 'unrecognised':
      return state;
  }
}

function update<K extends ItemKind>(
  items: readonly Item[], kind: K, which: (item: ItemOf<K>) => boolean, change: (item: ItemOf<K>) => Item,
): readonly Item[] {
  return items.map((item) => (item.kind === kind && which(item as ItemOf<K>) ? change(item as ItemOf<K>) : item));
}

function closeQuestion(item: Item): Item {
  return item.kind === 'question' && item.open ? { ...item, open: false } : item;
}

function withText(items: readonly Item[], message: number, text: string): readonly Item[] {
  const known = items.some((i) => i.kind === 'agent' && i.message === message);
  if (!known) return [...items, { kind: 'agent', message, text, ended: false }];
  return update(items, 'agent', (i) => i.message === message, (i) => ({ ...i, text: i.text + text }));
}

/** Calls that follow one another share a line. */
function withTool(items: readonly Item[], call: ToolCall): readonly Item[] {
  const last = items.at(-1);
  if (last?.kind !== 'tools') return [...items, { kind: 'tools', calls: [call] }];
  return [...items.slice(0, -1), { kind: 'tools', calls: [...last.calls, call] }];
}

function endTool(items: readonly Item[], event: Extract<Envelope, { type: 'tool_ended' }>): readonly Item[] {
  const { call, outcome, milliseconds } = event;
  const end = (c: ToolCall): ToolCall => (c.call === call ? { ...c, outcome, milliseconds, view: event.view ?? null } : c);
  return update(items, 'tools', (i) => i.calls.some((c) => c.call === call), (i) => ({ ...i, calls: i.calls.map(end) }));
}

/** A turn that has ended leaves nothing streaming and no tool running. */
function settle(item: Item): Item {
  if (item.kind === 'agent' && !item.ended) return { ...item, ended: true };
  if (item.kind === 'tools' && item.calls.some((c) => c.outcome === null)) {
    return { ...item, calls: item.calls.map((c) => (c.outcome === null ? { ...c, outcome: 'failed' } : c)) };
  }
  return item;
}

function withRun(state: Conversation, run: string): Conversation {
  if (Object.hasOwn(state.runs, run)) return state;
  return { ...state, runs: { ...state.runs, [run]: newRun(run) }, items: [...state.items, { kind: 'run', run }] };
}

/** The plan that waits for a person, if one does. */
export function pendingPlan(state: Conversation): ItemOf<'plan'> | null {
  const found = state.items.findLast((i) => i.kind === 'plan' && i.state.is === 'proposed');
  return found?.kind === 'plan' ? found : null;
}
