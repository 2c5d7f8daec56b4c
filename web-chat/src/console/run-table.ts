import { html } from 'lit';
import { segment } from '../rest/client.ts';
import type { Run } from '../rest/types.ts';
import { ago, between, bytes, count, duration } from '../text/format.ts';
import { phaseChip, type View } from '../ui/show.ts';

const TRIGGER: Readonly<Record<string, string>> = { confirm: 'confirmed plan', schedule: 'schedule', manual: 'by hand', api: 'API' };

export function triggerText(trigger: string): string {
  return TRIGGER[trigger] ?? trigger;
}

export function runSeconds(run: Run): number | null {
  return between(run.started_at, run.finished_at ?? (run.started_at ? new Date().toISOString() : null));
}

/** Runs of one pipeline, newest first. */
export function runTable(runs: readonly Run[]): View {
  if (runs.length === 0) return html`<p class="quiet">It has not run yet. Press “Run now” to see a first run here.</p>`;
  return html`<div class="card scroll"><table>
    <thead><tr><th scope="col">When</th><th scope="col">Status</th><th scope="col">Started by</th><th scope="col" class="num">Took</th><th scope="col" class="num">Rows</th><th scope="col" class="num">Size</th></tr></thead>
    <tbody>${runs.map((run) => {
      const seconds = runSeconds(run);
      return html`<tr><td><a href="/runs/${segment(run.id)}">${ago(run.started_at ?? run.queued_at)}</a></td><td>${phaseChip(run.phase)}</td><td>${triggerText(run.trigger)}</td>
        <td class="num">${seconds === null ? '–' : duration(seconds)}</td><td class="num">${count(run.rows_written)}</td><td class="num">${bytes(run.bytes)}</td></tr>`;
    })}</tbody></table></div>`;
}
