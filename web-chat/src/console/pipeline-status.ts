import { html } from 'lit';
import { isFinal } from '../protocol.ts';
import type { Pipeline, Run } from '../rest/types.ts';
import { phaseChip, type View } from '../ui/show.ts';

export function isActive(run: Run | null | undefined): boolean {
  return run != null && !isFinal(run.phase);
}

/** The one word that says how a pipeline is. */
export function pipelineChip(p: Pipeline): View {
  const run = p.last_run;
  if (run != null && isActive(run)) return phaseChip(run.phase);
  if (p.paused) return html`<span class="chip warn"><span class="dot"></span>Paused</span>`;
  if (run == null) return html`<span class="chip"><span class="dot"></span>Not run yet</span>`;
  return phaseChip(run.phase);
}

/** How soon a list with runs in it is worth reading again. */
export function refreshAfter(runs: readonly (Run | null | undefined)[]): number {
  return runs.some(isActive) ? 1500 : 10_000;
}
