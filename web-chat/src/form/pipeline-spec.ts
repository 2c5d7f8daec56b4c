/** What the form for a new pipeline collects, and the plan that it is. The server validates it like any other. */
import type { PlanSchedule } from '../text/schedule.ts';

export interface PickedStream {
  readonly stream: string;
  /** `full/replace`, `incremental/merge`, … */
  readonly mode: string;
  readonly cursor: string;
  readonly key: readonly string[];
}

export interface PipelineForm {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly namespace: string;
  readonly streams: readonly PickedStream[];
  readonly schedule: PlanSchedule;
}

export const MODES: readonly (readonly [read: string, write: string])[] = [
  ['full', 'replace'], ['full', 'append'], ['incremental', 'merge'], ['incremental', 'append'], ['cdc', 'merge'],
];

/** What is still missing, in words, or `null`. */
export function missing(form: PipelineForm): string | null {
  if (form.source === '') return 'Choose the connection to read from.';
  if (form.destination === '') return 'Choose the connection to write to.';
  if (form.streams.length === 0) return 'Choose at least one stream.';
  const without = form.streams.find((s) => s.mode.startsWith('incremental') && s.cursor === '');
  return without === undefined ? null : `Choose a cursor for \`${without.stream}\`: the column that says when a row changed.`;
}

export function toSpec(form: PipelineForm): Readonly<Record<string, unknown>> {
  const names = form.streams.map((s) => targetOf(s.stream));
  return {
    version: 1,
    name: form.name.trim() || `${names.slice(0, 3).join(', ')}${names.length > 3 ? ' …' : ''} to ${form.destination}`,
    source: { connection: form.source },
    destination: { connection: form.destination, ...(form.namespace.trim() === '' ? {} : { namespace: form.namespace.trim() }) },
    streams: form.streams.map(streamSpec),
    ...(form.schedule === null ? {} : { schedule: form.schedule }),
  };
}

function streamSpec(s: PickedStream): Readonly<Record<string, unknown>> {
  const [read = 'full', write = 'replace'] = s.mode.split('/');
  return {
    stream: s.stream, target: targetOf(s.stream), read, write,
    ...(read === 'incremental' ? { cursor: s.cursor } : {}),
    ...(write === 'merge' && s.key.length > 0 ? { key: s.key } : {}),
  };
}

/** The table's own name, without the schema it came from. */
function targetOf(stream: string): string {
  return stream.split('.').at(-1) ?? stream;
}
