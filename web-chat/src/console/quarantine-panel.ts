/** The rows of a run that could not be written, each with the reason, to be replayed once that is mended. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { List, QuarantinedRow } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago, count } from '../text/format.ts';
import { Loader } from '../ui/loader.ts';
import { troubleNote, type View } from '../ui/show.ts';

@customElement('tp-quarantine')
export class TpQuarantine extends LitElement {
  static override styles = [base, controls, surfaces, css`
    .head { padding: var(--tp-3) var(--tp-4); border-bottom: 1px solid var(--tp-line); }
    .raw { max-width: 26rem; max-height: 5rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: var(--tp-text-xs); }
    .scroll { max-height: 26rem; overflow: auto; }
  `];

  @property({ attribute: false }) client!: Client;
  @property() runId = '';
  @property() version = '';
  @state() private trouble: Trouble | null = null;
  @state() private busy = false;
  private readonly rows = new Loader(this, () => (this.runId === '' ? null : this.client.get<List<QuarantinedRow>>('/quarantine', { run: this.runId, limit: 100 })));

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('runId') && changed.get('runId')) this.rows.restart();
    else if (changed.has('version') && changed.get('version')) void this.rows.load();
  }

  private async replay(path: string, body?: unknown): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      await this.client.post(path, body);
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
    this.busy = false;
    await this.rows.load();
  }

  protected override render(): unknown {
    const rows = this.rows.value?.items ?? [];
    if (rows.length === 0) return nothing;
    const waiting = rows.filter((row) => !row.replayed_at).length;
    return html`<section class="card" aria-label="Quarantine"><div class="head spread"><div><h3>Quarantine</h3><p class="small quiet">${count(waiting)} of ${count(rows.length)}${this.rows.value?.next ? ' newest' : ''} rows wait. Mend what the reason names, then replay.</p></div>
      <button ?disabled=${this.busy || waiting === 0} @click=${() => this.replay('/quarantine/replay', { run: this.runId })}>${this.busy ? 'Replaying…' : 'Replay all'}</button></div>
      ${troubleNote(this.trouble)}
      <div class="scroll" tabindex="0" role="region" aria-label="Quarantined rows"><table><thead><tr><th scope="col">Stream</th><th scope="col">Reason</th><th scope="col">Row</th><th scope="col"></th></tr></thead>
        <tbody>${rows.map((row) => this.line(row))}</tbody></table></div></section>`;
  }

  private line(row: QuarantinedRow): View {
    return html`<tr><td class="mono">${row.stream}</td><td class="break">${row.reason}</td><td><div class="raw mono">${row.row}</div></td>
      <td>${row.replayed_at ? html`<span class="chip good">Replayed ${ago(row.replayed_at)}</span>` : html`<button ?disabled=${this.busy} @click=${() => this.replay(`/quarantine/${segment(row.id)}/replay`)}>Replay</button>`}</td></tr>`;
  }
}
