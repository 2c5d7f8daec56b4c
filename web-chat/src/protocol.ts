/**
 * What the server tells its clients: the TypeScript twin of the server's `events` module, field for field.
 * The union is closed. An event of a type that is not in it still has a place in its topic, so it parses as
 * `unrecognised` and changes nothing but the sequence number.
 */

export type Outcome = 'ok' | 'refused' | 'failed';
export type ActionState = 'done' | 'offered' | 'declined';
export type TurnOutcome = 'done' | 'cancelled' | 'failed';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type RunPhase =
  | 'queued' | 'initializing' | 'analyzing' | 'transferring' | 'streaming'
  | 'retrying' | 'cancelling' | 'completed' | 'failed' | 'cancelled';

export interface StreamProgress {
  readonly rows_read: number;
  readonly rows_written: number;
  readonly bytes: number;
  readonly rows_quarantined: number;
  readonly rows_per_second: number;
  readonly percent?: number | null;
  readonly eta_seconds?: number | null;
  readonly done: boolean;
}

export type AttachmentView =
  | { readonly kind: 'run'; readonly run?: string | null; readonly pipeline?: string | null }
  | { readonly kind: 'error_excerpt'; readonly text: string };

export interface QuestionOption {
  readonly label: string;
  readonly say: string;
  readonly detail?: string | null;
}

export interface ProblemView {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  readonly suggestion?: string | null;
}

export interface EndpointView {
  readonly connection: string;
  readonly connector: string;
  readonly label?: string | null;
  readonly namespace?: string | null;
}

export interface ColumnView {
  readonly source: string;
  readonly source_type: string;
  readonly target: string;
  readonly target_type: string;
  /** `exact`, `lossless` or `lossy`. */
  readonly verdict: string;
  readonly note?: string | null;
  readonly change?: string | null;
}

export interface EvidenceView {
  readonly code: string;
  readonly text: string;
}

export interface StreamView {
  readonly stream: string;
  readonly target: string;
  /** `full`, `incremental` or `cdc`. */
  readonly read: string;
  /** `replace`, `append` or `merge`. */
  readonly write: string;
  readonly cursor?: string | null;
  readonly key: readonly string[];
  readonly filter?: string | null;
  readonly columns: readonly ColumnView[];
  readonly evidence: readonly EvidenceView[];
  readonly rows?: number | null;
  readonly bytes?: number | null;
}

export interface EffectView {
  /** `read`, `create`, `alter`, `append`, `merge`, `replace` or `drop`. */
  readonly kind: string;
  readonly object: string;
  readonly text: string;
  readonly destructive: boolean;
  readonly rows?: number | null;
}

export interface ScheduleView {
  readonly text: string;
  readonly next: readonly string[];
  readonly timezone: string;
  readonly note?: string | null;
}

export interface AssumptionView {
  readonly slot: string;
  readonly text: string;
}

export interface PlanView {
  readonly name: string;
  readonly spec: unknown;
  readonly source: EndpointView;
  readonly destination: EndpointView;
  readonly streams: readonly StreamView[];
  readonly effects: readonly EffectView[];
  readonly schedule?: ScheduleView | null;
  readonly assumptions: readonly AssumptionView[];
  readonly warnings: readonly ProblemView[];
  /** Existing tables whose data would be replaced or dropped. Each wants its own acknowledgement. */
  readonly destructive: readonly string[];
  readonly rows?: number | null;
  readonly bytes?: number | null;
  readonly estimated_seconds?: number | null;
}

export interface FixView {
  readonly text: string;
  readonly command?: string | null;
  readonly say?: string | null;
}

export interface CauseView {
  readonly code: string;
  readonly title: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly explanation: string;
  readonly evidence: readonly string[];
  readonly fixes: readonly FixView[];
}

export type Event =
  | { readonly type: 'user_said'; readonly message: number; readonly text: string; readonly attachments: readonly AttachmentView[] }
  | { readonly type: 'text_delta'; readonly message: number; readonly text: string }
  | { readonly type: 'message_ended'; readonly message: number }
  | { readonly type: 'tool_started'; readonly call: string; readonly tool: string; readonly title: string }
  | { readonly type: 'tool_ended'; readonly call: string; readonly tool: string; readonly outcome: Outcome; readonly milliseconds: number; readonly view?: unknown }
  | { readonly type: 'question'; readonly about: string; readonly text: string; readonly options: readonly QuestionOption[] }
  | { readonly type: 'plan_proposed'; readonly plan: string; readonly digest: string; readonly view: PlanView }
  | { readonly type: 'plan_rejected'; readonly problems: readonly ProblemView[] }
  | { readonly type: 'plan_confirmed'; readonly plan: string; readonly digest: string; readonly by: string; readonly pipeline: string; readonly run?: string | null }
  | { readonly type: 'plan_dismissed'; readonly plan: string }
  | { readonly type: 'secret_redacted'; readonly kinds: readonly string[]; readonly text: string }
  | { readonly type: 'diagnosis'; readonly causes: readonly CauseView[]; readonly run?: string | null }
  | { readonly type: 'action'; readonly id: string; readonly action: string; readonly state: ActionState; readonly on?: string | null; readonly text: string; readonly view?: unknown }
  | { readonly type: 'out_of_scope'; readonly text: string }
  | { readonly type: 'run_moved'; readonly run: string; readonly pipeline?: string | null; readonly phase: RunPhase; readonly message?: string | null; readonly hint?: string | null }
  | { readonly type: 'run_progress'; readonly run: string; readonly stream: string; readonly progress: StreamProgress }
  | { readonly type: 'run_log'; readonly run: string; readonly level: LogLevel; readonly stage: string; readonly stream?: string | null; readonly message: string }
  | { readonly type: 'run_finished'; readonly run: string; readonly phase: RunPhase; readonly receipt?: unknown }
  | { readonly type: 'turn_ended'; readonly outcome: TurnOutcome; readonly message?: string | null };

export type EventType = Event['type'];

export interface Unrecognised {
  readonly type: 'unrecognised';
  readonly was: string;
}

export interface Placed {
  /** Place in the topic, from 1, without gaps. */
  readonly seq: number;
  readonly at: string;
}

export type Envelope = Placed & (Event | Unrecognised);

/** What the server answers to a frame it would not take. It has no place in the topic. */
export interface Refused {
  readonly type: 'refused';
  readonly code: string;
  readonly message: string;
  readonly suggestion?: string | null;
}

/** What the client may say on a conversation's socket. */
export type ClientFrame =
  | { readonly type: 'say'; readonly text: string; readonly attachments?: readonly AttachmentView[] }
  | { readonly type: 'confirm'; readonly plan_id: string; readonly digest: string; readonly acknowledged: readonly string[] }
  | { readonly type: 'dismiss'; readonly plan_id: string }
  | { readonly type: 'cancel_turn' }
  | { readonly type: 'confirm_action'; readonly action_id: string }
  | { readonly type: 'dismiss_action'; readonly action_id: string };

type Kind = 'text' | 'number' | 'list' | 'record' | 'flag';

/** The fields that an event cannot do without. What may be absent is not listed. */
const SHAPES: Readonly<Record<EventType, Readonly<Record<string, Kind>>>> = {
  user_said: { message: 'number', text: 'text' },
  text_delta: { message: 'number', text: 'text' },
  message_ended: { message: 'number' },
  tool_started: { call: 'text', tool: 'text', title: 'text' },
  tool_ended: { call: 'text', tool: 'text', outcome: 'text', milliseconds: 'number' },
  question: { about: 'text', text: 'text', options: 'list' },
  plan_proposed: { plan: 'text', digest: 'text', view: 'record' },
  plan_rejected: { problems: 'list' },
  plan_confirmed: { plan: 'text', digest: 'text', by: 'text', pipeline: 'text' },
  plan_dismissed: { plan: 'text' },
  secret_redacted: { kinds: 'list', text: 'text' },
  diagnosis: { causes: 'list' },
  action: { id: 'text', action: 'text', state: 'text', text: 'text' },
  out_of_scope: { text: 'text' },
  run_moved: { run: 'text', phase: 'text' },
  run_progress: { run: 'text', stream: 'text', progress: 'record' },
  run_log: { run: 'text', level: 'text', stage: 'text', message: 'text' },
  run_finished: { run: 'text', phase: 'text' },
  turn_ended: { outcome: 'text' },
};

const PLAN_SHAPE: Readonly<Record<string, Kind>> = {
  name: 'text', source: 'record', destination: 'record', streams: 'list', effects: 'list',
  assumptions: 'list', warnings: 'list', destructive: 'list',
};

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'text': return typeof value === 'string';
    case 'number': return typeof value === 'number';
    case 'flag': return typeof value === 'boolean';
    case 'list': return Array.isArray(value);
    case 'record': return isRecord(value);
  }
}

function fits(value: Readonly<Record<string, unknown>>, shape: Readonly<Record<string, Kind>>): boolean {
  return Object.entries(shape).every(([field, kind]) => isKind(value[field], kind));
}

function isEventType(type: unknown): type is EventType {
  return typeof type === 'string' && Object.hasOwn(SHAPES, type);
}

/** Whether a value has everything that the plan card shows. */
export function isPlanView(value: unknown): value is PlanView {
  return isRecord(value) && fits(value, PLAN_SHAPE);
}

/** Reads one envelope. `null` where there is no place in the topic: such a frame can be neither folded nor skipped. */
export function parseEnvelope(value: unknown): Envelope | null {
  if (!isRecord(value) || !Number.isInteger(value.seq)) return null;
  const { type } = value;
  const known = isEventType(type) && fits(value, SHAPES[type]) && (type !== 'plan_proposed' || isPlanView(value.view));
  if (!known) {
    const at = typeof value.at === 'string' ? value.at : '';
    return { seq: value.seq as number, at, type: 'unrecognised', was: String(type) };
  }
  // The server leaves out an empty list in one place only.
  if (type === 'user_said' && !Array.isArray(value.attachments)) return { ...value, attachments: [] } as unknown as Envelope;
  return value as unknown as Envelope;
}

export function parseRefused(value: unknown): Refused | null {
  if (!isRecord(value) || value.type !== 'refused' || typeof value.message !== 'string') return null;
  return value as unknown as Refused;
}

export function isFinal(phase: RunPhase): boolean {
  return phase === 'completed' || phase === 'failed' || phase === 'cancelled';
}
