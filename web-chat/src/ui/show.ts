/** Small pieces of view that several cards and pages share: chips, failures, the state of a list that is not there. */
import { html, nothing, type TemplateResult } from 'lit';
import type { RunPhase } from '../protocol.ts';
import type { ConnectionStatus } from '../rest/types.ts';
import type { Trouble } from '../rest/client.ts';
import { inline } from '../text/markdown.ts';
import { icon } from './icon.ts';

export type View = TemplateResult | typeof nothing;

const PHASE: Readonly<Record<RunPhase, readonly [tone: string, text: string]>> = {
  queued: ['', 'Queued'],
  initializing: ['info', 'Initializing'],
  analyzing: ['info', 'Analyzing'],
  transferring: ['info', 'Transferring'],
  streaming: ['accent', 'Streaming'],
  retrying: ['warn', 'Retrying'],
  cancelling: ['warn', 'Stopping'],
  completed: ['good', 'Completed'],
  failed: ['bad', 'Failed'],
  cancelled: ['', 'Cancelled'],
};

export function phaseText(phase: RunPhase): string {
  return PHASE[phase]?.[1] ?? phase;
}

export function phaseChip(phase: RunPhase): View {
  const [tone, text] = PHASE[phase] ?? ['', phase];
  const live = tone === 'info' || tone === 'accent' || tone === 'warn';
  return html`<span class="chip ${tone}"><span class="dot ${live ? 'live' : ''}"></span>${text}</span>`;
}

export function statusChip(status: ConnectionStatus | null | undefined): View {
  if (status?.state === 'ok') return html`<span class="chip good"><span class="dot"></span>Connected</span>`;
  if (status?.state === 'failed') return html`<span class="chip bad"><span class="dot"></span>Failed</span>`;
  return html`<span class="chip"><span class="dot"></span>Not checked</span>`;
}

export function troubleNote(trouble: Trouble | null, retry?: () => void): View {
  if (trouble === null) return nothing;
  return html`<div class="note bad" role="alert">
    <strong>${inline(trouble.message)}</strong> ${trouble.suggestion === null ? nothing : inline(trouble.suggestion)}
    ${trouble.problems.map((p) => html`<div>${inline(p.message)} ${p.suggestion ? inline(p.suggestion) : nothing}</div>`)}
    ${retry === undefined ? nothing : html`<button class="link" @click=${retry}>Try again</button>`}
  </div>`;
}

export function emptyState(glyph: string, heading: string, text: string | TemplateResult, action: View = nothing): View {
  return html`<div class="empty"><span class="glyph">${icon(glyph, 28)}</span><h2>${heading}</h2><p class="quiet">${text}</p>${action}</div>`;
}

/** Grey lines where a list is on its way. */
export function loading(what: string, lines = 4): View {
  return html`<div role="status" class="skeleton"><span class="visually-hidden">Loading ${what}</span>${Array.from({ length: lines }, () => html`<div class="line"></div>`)}</div>`;
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
