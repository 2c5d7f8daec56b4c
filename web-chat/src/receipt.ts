/** The proof that a run leaves, as the server writes it. Read with care: it travels as plain JSON. */
import { isRecord } from './protocol.ts';

export type Verdict = 'proven' | 'counted' | 'unverified' | 'mismatch';

export interface StreamReceipt {
  readonly stream: string;
  readonly target: string;
  readonly read: string;
  readonly write: string;
  readonly rows_read: number;
  readonly rows_filtered: number;
  readonly rows_written: number;
  readonly rows_quarantined: number;
  readonly rows_unchanged?: number | null;
  readonly target_rows_before?: number | null;
  readonly target_rows_after?: number | null;
  readonly bytes: number;
  readonly cursor_from?: unknown;
  readonly cursor_to?: unknown;
  readonly checksum?: { readonly source?: string | null; readonly destination?: string | null; readonly equal?: boolean | null } | null;
  readonly verdict: Verdict;
  readonly zero_rows_reason?: string | null;
  readonly notes: readonly string[];
}

export interface Receipt {
  readonly run: string;
  readonly pipeline?: string;
  readonly plan_digest?: string;
  readonly started_at?: string;
  readonly finished_at?: string;
  readonly outcome?: string;
  readonly streams: readonly StreamReceipt[];
  readonly signature?: string | null;
}

const NUMBERS = ['rows_read', 'rows_filtered', 'rows_written', 'rows_quarantined', 'bytes'] as const;

export function asReceipt(value: unknown): Receipt | null {
  if (!isRecord(value) || !Array.isArray(value.streams)) return null;
  const streams = value.streams.filter(isRecord).map(streamReceipt);
  return { ...value, run: String(value.run ?? ''), streams } as Receipt;
}

function streamReceipt(value: Readonly<Record<string, unknown>>): StreamReceipt {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, typeof value[name] === 'number' ? value[name] : 0]));
  const notes = Array.isArray(value.notes) ? value.notes.map(String) : [];
  const verdict = isVerdict(value.verdict) ? value.verdict : 'unverified';
  return { ...value, ...numbers, notes, verdict } as unknown as StreamReceipt;
}

function isVerdict(value: unknown): value is Verdict {
  return value === 'proven' || value === 'counted' || value === 'unverified' || value === 'mismatch';
}

export const VERDICT_MEANING: Readonly<Record<Verdict, string>> = {
  proven: 'Checksums of source and destination are equal.',
  counted: 'Row counts of source and destination agree.',
  unverified: 'Nothing was compared. Set `options.verify` to `counts` or `checksums` to have it proven.',
  mismatch: 'Source and destination differ. Look at the log before you use this table.',
};

const WORST_FIRST: readonly Verdict[] = ['mismatch', 'unverified', 'counted', 'proven'];

/** A receipt is as good as its weakest stream. */
export function overall(receipt: Receipt): Verdict | null {
  return WORST_FIRST.find((verdict) => receipt.streams.some((s) => s.verdict === verdict)) ?? null;
}
