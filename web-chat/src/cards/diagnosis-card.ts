/** Why something failed, likeliest cause first, each with what shows it and what to do. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { CauseView, FixView } from '../protocol.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';
import '../ui/copy-button.ts';
import { cardStyle } from './card-style.ts';

/** Fires `say` with the words of a fix. */
@customElement('tp-diagnosis')
export class TpDiagnosis extends LitElement {
  static override styles = [base, controls, surfaces, cardStyle, css`
    .fix { border-inline-start: 3px solid var(--tp-accent); padding-inline-start: var(--tp-3); display: grid; gap: var(--tp-1); justify-items: start; }
    .command { display: flex; align-items: center; gap: var(--tp-2); width: 100%; background: var(--tp-sunken); border-radius: var(--tp-radius-s); padding-inline-start: var(--tp-3); }
    .command code { flex: 1; background: none; padding: var(--tp-2) 0; white-space: pre-wrap; overflow-wrap: anywhere; }
    blockquote { margin: 0; padding: var(--tp-2) var(--tp-3); background: var(--tp-sunken); border-radius: var(--tp-radius-s); font-family: var(--tp-mono); font-size: var(--tp-text-xs); white-space: pre-wrap; overflow-wrap: anywhere; }
  `];

  @property({ attribute: false }) causes: readonly CauseView[] = [];

  protected override render(): unknown {
    return html`<article class="card" aria-label="Diagnosis">
      <div class="head"><div class="kicker">${icon('warning', 16)}<span>Diagnosis</span></div></div>
      ${this.causes.map((cause, i) => this.cause(cause, i === 0))}
    </article>`;
  }

  private cause(c: CauseView, first: boolean): View {
    const body = html`
      <p class="small">${inline(c.explanation)}</p>
      ${c.evidence.map((e) => html`<blockquote>${e}</blockquote>`)}
      ${c.fixes.length === 0 ? nothing : html`<h4>What to do</h4>${c.fixes.map((f) => this.fix(f))}`}`;
    const title = html`<strong>${inline(c.title)}</strong> <span class="chip ${first ? 'warn' : ''}">${likelihood(c.confidence)}</span>`;
    return first
      ? html`<section class="part"><div class="row">${title}</div>${body}</section>`
      : html`<details class="part"><summary>${title}</summary>${body}</details>`;
  }

  private fix(f: FixView): View {
    const say = f.say;
    return html`<div class="fix"><span class="small">${inline(f.text)}</span>
      ${f.command ? html`<div class="command"><code>${f.command}</code><tp-copy .text=${f.command}></tp-copy></div>` : nothing}
      ${say ? html`<button @click=${() => this.dispatchEvent(new CustomEvent('say', { detail: say, bubbles: true, composed: true }))}>${icon('chat', 16)}${say}</button>` : nothing}
    </div>`;
  }
}

export function likelihood(confidence: number): string {
  if (confidence >= 0.85) return 'almost certain';
  if (confidence >= 0.6) return 'likely';
  return confidence >= 0.3 ? 'possible' : 'unlikely';
}
