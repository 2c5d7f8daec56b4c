/** What the REST calls answer. Errors are in `client.ts`. */
import type { EndpointView, LogLevel, PlanView, ProblemView, RunPhase, ScheduleView, StreamProgress } from '../protocol.ts';

export interface List<T> {
  readonly items: readonly T[];
  readonly next?: string | null;
}

export interface Session {
  readonly actor: string;
  readonly workspace: string;
  readonly scopes: readonly string[];
  readonly model: { readonly kind: string; readonly name: string };
}

export type Role = 'source' | 'destination';

export interface Connector {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly roles: readonly Role[];
  readonly native: boolean;
  readonly description?: string | null;
  readonly nicknames?: readonly string[];
  readonly config_schema?: unknown;
  readonly secret_fields?: readonly string[];
}

export interface ConnectionStatus {
  readonly state: 'unknown' | 'ok' | 'failed';
  readonly at?: string | null;
  readonly message?: string | null;
  readonly hint?: string | null;
}

export interface Connection {
  readonly id: string;
  readonly name: string;
  readonly label?: string | null;
  readonly connector: string;
  readonly roles: readonly Role[];
  readonly config: unknown;
  readonly created_at: string;
  readonly status?: ConnectionStatus | null;
}

export interface CheckAnswer {
  readonly state: 'ok' | 'failed' | 'unknown';
  readonly message?: string | null;
  readonly hint?: string | null;
  readonly milliseconds?: number | null;
}

export interface StreamSummary {
  readonly stream: string;
  readonly rows?: number | null;
  readonly columns?: number | readonly unknown[] | null;
  readonly primary_key?: readonly string[] | null;
  readonly comment?: string | null;
  readonly readable?: boolean;
}

export interface StreamDetail {
  readonly stream: string;
  readonly rows?: number | null;
  readonly primary_key?: readonly string[] | null;
  readonly columns: readonly {
    readonly name: string; readonly type: string; readonly nullable: boolean; readonly comment?: string | null; readonly indexed?: boolean;
  }[];
}

export interface ConversationSummary {
  readonly id: string;
  readonly title?: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly pending_plan?: string | null;
}

export interface PipelineStream {
  readonly stream: string;
  readonly target: string;
  readonly read: string;
  readonly write: string;
}

export interface Pipeline {
  readonly id: string;
  readonly name: string;
  readonly source: EndpointView;
  readonly destination: EndpointView;
  readonly streams: readonly PipelineStream[];
  readonly schedule?: ScheduleView | null;
  readonly paused: boolean;
  readonly last_run?: Run | null;
  readonly version: number;
  readonly created_at: string;
}

export interface RunError {
  readonly kind: string;
  readonly message: string;
  readonly hint?: string | null;
  readonly stream?: string | null;
}

export interface Run {
  readonly id: string;
  readonly pipeline: string;
  readonly pipeline_name: string;
  readonly phase: RunPhase;
  readonly attempt: number;
  readonly queued_at: string;
  readonly started_at?: string | null;
  readonly finished_at?: string | null;
  readonly rows_written: number;
  readonly bytes: number;
  readonly error?: RunError | null;
  readonly streams?: Readonly<Record<string, StreamProgress>>;
  readonly trigger: string;
}

export interface LogItem {
  readonly seq: number;
  readonly at: string;
  readonly level: LogLevel;
  readonly stage: string;
  readonly stream?: string | null;
  readonly message: string;
}

export interface QuarantinedRow {
  readonly id: string;
  readonly run: string;
  readonly stream: string;
  readonly reason: string;
  readonly position?: unknown;
  readonly row: string;
  readonly at: string;
  readonly replayed_at?: string | null;
}

export interface Runtime {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly detail?: string | null;
}

export interface AuditEntry {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly object?: string | null;
  readonly detail?: unknown;
}

export interface ProposedPlan {
  readonly plan: string;
  readonly digest: string;
  readonly view: PlanView;
}

export type ImportAnswer = { readonly plans: readonly (ProposedPlan | { readonly problems: readonly ProblemView[] })[] };
