/** Picks what goes with a message: a recent run, or an error pasted from elsewhere. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { AttachmentView } from '../protocol.ts';
import type { Client } from '../rest/client.ts';
import type { List, Run } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago } from '../text/format.ts';
import { Loader } from '../ui/loader.ts';
import { phaseChip, troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';

@customElement('tp-attach')
export class TpAttach extends LitElement {
  static override styles = [base, controls, surfaces, css`
    h3 { margin-bottom: var(--tp-2); }
    .runs { display: grid; gap: var(--tp-1); margin-bottom: var(--tp-5); max-height: 15rem; overflow: auto; }
    .runs button { justify-content: space-between; width: 100%; white-space: normal; text-align: start; }
    textarea { min-height: 7rem; font-family: var(--tp-mono); font-size: var(--tp-text-s); }
    .end { margin-top: var(--tp-2); display: flex; justify-content: flex-end; }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ type: Boolean }) open = false;
  @query('textarea') private area!: HTMLTextAreaElement;
  private readonly runs = new Loader(this, () => this.client.get<List<Run>>('/runs', { limit: 8 }));

  private attach(detail: AttachmentView): void {
    this.dispatchEvent(new CustomEvent('attach', { detail }));
  }

  private excerpt(): void {
    const text = this.area.value.trim();
    if (text !== '') this.attach({ kind: 'error_excerpt', text });
    else this.area.focus();
  }

  protected override render(): unknown {
    return html`<tp-dialog heading="Attach" .open=${this.open} @tp-close=${() => this.dispatchEvent(new CustomEvent('tp-close'))}>
      <h3>A recent run</h3>
      <div class="runs">${troubleNote(this.runs.trouble)}${this.list()}</div>
      <h3><label for="excerpt" style="font:inherit">An error from a log</label></h3>
      <textarea id="excerpt" placeholder="Paste the lines around the error. Secrets in them are removed before they are stored."></textarea>
      <div class="end"><button class="primary" @click=${this.excerpt}>Attach this text</button></div>
    </tp-dialog>`;
  }

  private list(): View {
    const items = this.runs.value?.items;
    if (items === undefined) return this.runs.loading ? html`<p class="small quiet">Loading runs…</p>` : nothing;
    if (items.length === 0) return html`<p class="small quiet">Nothing has run yet.</p>`;
    return html`${items.map((run) => html`<button @click=${() => this.attach({ kind: 'run', run: run.id, pipeline: run.pipeline_name })}>
      <span>${run.pipeline_name} <span class="quiet">${ago(run.queued_at)}</span></span>${phaseChip(run.phase)}</button>`)}`;
  }
}
