/** The proof a run leaves: per stream, what was read, what arrived, and how far that was checked. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { VERDICT_MEANING, asReceipt, overall, type Receipt, type StreamReceipt, type Verdict } from '../receipt.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { between, bytes, count, counted, duration, shortId } from '../text/format.ts';
import { inline } from '../text/markdown.ts';
import { modeName } from '../text/modes.ts';
import { icon } from '../ui/icon.ts';
import { saveFile, type View } from '../ui/show.ts';
import '../ui/copy-button.ts';
import { cardStyle } from './card-style.ts';

const TONE: Readonly<Record<Verdict, string>> = { proven: 'good', counted: 'good', unverified: 'warn', mismatch: 'bad' };

@customElement('tp-receipt')
export class TpReceipt extends LitElement {
  static override styles = [base, controls, surfaces, cardStyle, css`
    .line { display: grid; gap: var(--tp-2); }
    .counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: var(--tp-2); }
    .counts div { display: grid; }
    .counts dt { font-size: var(--tp-text-xs); color: var(--tp-ink-2); }
    .counts dd { font-weight: 600; font-variant-numeric: tabular-nums; }
    .title { display: flex; gap: var(--tp-2); align-items: center; flex-wrap: wrap; font-weight: 600; font-size: var(--tp-text-s); }
  `];

  @property({ attribute: false }) receipt: unknown = null;

  protected override render(): unknown {
    const receipt = asReceipt(this.receipt);
    if (receipt === null) return nothing;
    const verdict = overall(receipt);
    const seconds = between(receipt.started_at, receipt.finished_at);
    const rows = receipt.streams.reduce((n, s) => n + s.rows_written, 0);
    return html`<article class="card" aria-label="Receipt">
      <div class="head">
        <div class="kicker">${icon('shield', 16)}<span>Receipt</span>${verdict === null ? nothing : html`<span class="chip ${TONE[verdict]}">${verdict}</span>`}</div>
        <h3 class="num">${counted(rows, 'row')} written${seconds === null ? nothing : html` in ${duration(seconds)}`}</h3>
        ${verdict === null ? nothing : html`<p class="small quiet">${inline(VERDICT_MEANING[verdict])}</p>`}
      </div>
      ${receipt.streams.map(streamLine)}
      <div class="foot">${this.footer(receipt)}</div>
    </article>`;
  }

  private footer(receipt: Receipt): View {
    const text = JSON.stringify(this.receipt, null, 2);
    return html`<button @click=${() => saveFile(`receipt-${receipt.run}.json`, text)}>${icon('download', 16)}Download</button>
      <tp-copy .text=${text}></tp-copy>
      ${receipt.signature ? html`<span class="tiny quiet mono" title=${receipt.signature}>signature ${shortId(receipt.signature)}</span>` : nothing}`;
  }
}

function streamLine(s: StreamReceipt): View {
  const cell = (label: string, value: View | string): View => html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  const optional = (label: string, n: number | null | undefined): View => (n == null || n === 0 ? nothing : cell(label, count(n)));
  return html`<div class="part line">
    <div class="title"><span class="mono">${s.stream}</span>${icon('arrow', 14)}<span class="mono">${s.target}</span>
      <span class="chip">${modeName(s.read, s.write).ours}</span><span class="chip ${TONE[s.verdict]}" title=${VERDICT_MEANING[s.verdict]}>${s.verdict}</span></div>
    <dl class="counts">
      ${cell('Read', count(s.rows_read))}${cell('Written', count(s.rows_written))}
      ${optional('Filtered out', s.rows_filtered)}${optional('Unchanged', s.rows_unchanged)}${optional('Quarantined', s.rows_quarantined)}
      ${s.target_rows_after == null ? nothing : cell('In the table', html`${s.target_rows_before == null ? nothing : html`${count(s.target_rows_before)} → `}${count(s.target_rows_after)}`)}
      ${cell('Size', bytes(s.bytes))}
    </dl>
    ${s.zero_rows_reason ? html`<div class="note info">No rows: ${inline(s.zero_rows_reason)}</div>` : nothing}
    ${s.checksum && s.checksum.equal != null ? html`<p class="tiny quiet mono break">checksum ${s.checksum.equal ? 'equal' : 'differs'}: ${s.checksum.source ?? '–'}${s.checksum.equal ? nothing : html` ≠ ${s.checksum.destination ?? '–'}`}</p>` : nothing}
    ${s.cursor_to == null ? nothing : html`<p class="tiny quiet">Cursor ${s.cursor_from == null ? nothing : html`from <code>${plain(s.cursor_from)}</code>`} to <code>${plain(s.cursor_to)}</code></p>`}
    ${s.notes.map((n) => html`<p class="small quiet">${inline(n)}</p>`)}
  </div>`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
