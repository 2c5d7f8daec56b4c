/** What the agent looked up, in one line; the details wait behind it. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { ToolCall } from '../fold.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { counted } from '../text/format.ts';
import { icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';
import { toolView } from './tool-views.ts';

@customElement('tp-tools')
export class TpTools extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: block; min-width: 0; }
    summary { display: inline-flex; align-items: center; gap: var(--tp-2); font-size: var(--tp-text-s); color: var(--tp-ink-2); list-style: none; padding: 2px 0; max-width: 100%; }
    summary::-webkit-details-marker { display: none; }
    summary > span:first-of-type { overflow: hidden; text-overflow: ellipsis; }
    summary:hover { color: var(--tp-ink); }
    .calls { display: grid; gap: var(--tp-2); margin-top: var(--tp-2); border-inline-start: 2px solid var(--tp-line); padding-inline-start: var(--tp-3); }
    .call { display: grid; gap: var(--tp-1); min-width: 0; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px var(--tp-3); font-size: var(--tp-text-s); overflow-wrap: anywhere; }
    dt { color: var(--tp-ink-2); }
    .spin { width: 0.85rem; height: 0.85rem; border: 2px solid var(--tp-line-strong); border-top-color: transparent; border-radius: 50%; animation: turn 0.8s linear infinite; flex: none; }
    @keyframes turn { to { rotate: 360deg; } }
    .bad { color: var(--tp-bad); }
  `];

  @property({ attribute: false }) calls: readonly ToolCall[] = [];

  protected override render(): unknown {
    const running = this.calls.findLast((c) => c.outcome === null);
    const failed = this.calls.filter((c) => c.outcome === 'failed').length;
    const last = this.calls.at(-1);
    const text = running?.title ?? (this.calls.length === 1 && last !== undefined ? last.title : `Looked up ${counted(this.calls.length, 'thing')}`);
    return html`<details>
      <summary>${running === undefined ? icon('tool', 15) : html`<span class="spin"></span>`}<span>${text}${running === undefined ? nothing : '…'}</span>
        ${failed > 0 ? html`<span class="bad">${failed} failed</span>` : nothing}${icon('down', 13)}</summary>
      <div class="calls">${this.calls.map(call)}</div>
    </details>`;
  }
}

function call(c: ToolCall): View {
  const word = c.outcome === null ? 'running' : c.outcome === 'ok' ? `${c.milliseconds ?? 0} ms` : c.outcome;
  return html`<div class="call"><div class="small"><strong>${c.title}</strong> <span class="tiny quiet"><code>${c.tool}</code> <span class=${c.outcome === 'failed' ? 'bad' : ''}>${word}</span></span></div>
    ${c.view === null ? nothing : toolView(c.tool, c.view)}</div>`;
}
