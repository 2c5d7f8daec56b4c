/** The two names of every sync mode, and what stopping a run means in each. */

const AIRBYTE: Readonly<Record<string, string>> = {
  'full/replace': 'Full Refresh | Overwrite',
  'full/append': 'Full Refresh | Append',
  'full/merge': 'Full Refresh | Overwrite + Deduped',
  'incremental/append': 'Incremental | Append',
  'incremental/merge': 'Incremental | Append + Deduped',
  'incremental/replace': 'Incremental | Overwrite',
  'cdc/append': 'Incremental (CDC) | Append',
  'cdc/merge': 'Incremental (CDC) | Append + Deduped',
};

export interface ModeName {
  readonly ours: string;
  readonly airbyte: string | null;
}

export function modeName(read: string, write: string): ModeName {
  const ours = `${read === 'cdc' ? 'CDC' : read} · ${write}`;
  return { ours, airbyte: AIRBYTE[`${read}/${write}`] ?? null };
}

export function modeText(read: string, write: string): string {
  const { ours, airbyte } = modeName(read, write);
  return airbyte === null ? ours : `${ours} (${airbyte})`;
}

export interface StopMeaning {
  readonly title: string;
  readonly text: string;
}

const STOP: Readonly<Record<string, StopMeaning>> = {
  full: {
    title: 'Full refresh',
    text: 'The progress of this run is lost. The next run reads every row again from the beginning.',
  },
  incremental: {
    title: 'Incremental',
    text: 'Rows up to the last checkpoint stay at the destination. The next run goes on from there.',
  },
  cdc: {
    title: 'CDC',
    text: 'Streaming stops and can be started again later. Until then changes wait in the source’s log, which grows.',
  },
};

/** What stopping means for the read modes that a run has, each once; all three where they are not known. */
export function stopMeanings(reads: readonly string[]): readonly StopMeaning[] {
  const known = ['full', 'incremental', 'cdc'].filter((mode) => reads.includes(mode));
  return (known.length > 0 ? known : Object.keys(STOP)).flatMap((mode) => STOP[mode] ?? []);
}
