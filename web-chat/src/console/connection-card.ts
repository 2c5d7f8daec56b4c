/** One connection: whether it answers, what is in it, and what can be done to it. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { isRecord } from '../protocol.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { CheckAnswer, Connection, ConnectionStatus } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago } from '../text/format.ts';
import { inline } from '../text/markdown.ts';
import { connectorIcon, icon } from '../ui/icon.ts';
import { statusChip, troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';
import './stream-browser.ts';

@customElement('tp-connection')
export class TpConnection extends LitElement {
  static override styles = [base, controls, surfaces, css`
    .card { padding: var(--tp-4); display: grid; gap: var(--tp-2); grid-template-columns: minmax(0, 1fr); }
    .title { display: flex; gap: var(--tp-3); align-items: center; min-width: 0; }
    .title > svg { color: var(--tp-accent); flex: none; }
    .title div { min-width: 0; overflow-wrap: anywhere; line-height: 1.35; }
    dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px var(--tp-3); font-size: var(--tp-text-s); overflow-wrap: anywhere; }
    dt { color: var(--tp-ink-2); }
    .actions { display: flex; flex-wrap: wrap; gap: var(--tp-1); }
    details > dl { margin-top: var(--tp-2); }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ attribute: false }) connection!: Connection;
  @state() private checked: ConnectionStatus | null = null;
  @state() private busy = false;
  @state() private asking: 'delete' | 'browse' | null = null;
  @state() private trouble: Trouble | null = null;

  private get path(): string {
    return `/connections/${segment(this.connection.name)}`;
  }

  private async check(): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      const answer = await this.client.post<CheckAnswer>(`${this.path}/check`);
      this.checked = { ...answer, at: new Date().toISOString() };
      this.dispatchEvent(new CustomEvent('connection-changed'));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
    this.busy = false;
  }

  private async discard(): Promise<void> {
    this.asking = null;
    try {
      await this.client.delete(this.path);
      this.dispatchEvent(new CustomEvent('connection-changed'));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  protected override render(): unknown {
    const c = this.connection;
    const status = this.checked ?? c.status ?? null;
    const config = isRecord(c.config) ? Object.entries(c.config).filter(([, v]) => v !== null && v !== '' && typeof v !== 'object') : [];
    return html`<article class="card" aria-label=${c.name}>
      <div class="spread" style="flex-wrap:nowrap;align-items:start"><div class="title">${connectorIcon(c.connector, 24)}<div><h3>${c.name}</h3><span class="tiny quiet">${c.connector}${c.label ? html` · ${c.label}` : nothing} · ${c.roles.join(' and ')}</span></div></div>${statusChip(status)}</div>
      ${status?.state === 'failed' ? html`<div class="note bad"><strong>${inline(status.message ?? 'It does not answer.')}</strong> ${status.hint ? inline(status.hint) : nothing}</div>` : nothing}
      <p class="tiny quiet" role="status">${this.busy ? 'Checking…' : status?.at ? `Checked ${ago(status.at)}` : 'Not checked yet'}</p>
      ${config.length === 0 ? nothing : html`<details><summary class="small quiet">Settings</summary><dl>${config.map(([k, v]) => html`<dt>${k}</dt><dd class="mono">${String(v)}</dd>`)}</dl></details>`}
      ${troubleNote(this.trouble)}
      <div class="actions">
        <button ?disabled=${this.busy} @click=${this.check}>${icon('refresh', 16)}Check</button>
        <button class="bare" @click=${() => { this.asking = 'browse'; }}>${icon('table', 16)}Browse</button>
        <button class="bare" @click=${() => this.dispatchEvent(new CustomEvent('connection-edit'))}>Change</button>
        <button class="bare danger-quiet" @click=${() => { this.asking = 'delete'; }}>${icon('trash', 16)}Delete</button></div>
      ${this.dialogs()}
    </article>`;
  }

  private dialogs(): View {
    const close = (): void => { this.asking = null; };
    if (this.asking === 'browse') return html`<tp-stream-browser .client=${this.client} .connection=${this.connection.name} @tp-close=${close}></tp-stream-browser>`;
    if (this.asking !== 'delete') return nothing;
    return html`<tp-dialog open heading="Delete ${this.connection.name}?" @tp-close=${close}>
      <p>Its settings and credentials are removed from this workspace. The system itself is not touched. A pipeline that uses it cannot run until it is added again under this name.</p>
      <button slot="actions" @click=${close}>Keep it</button><button slot="actions" class="danger" @click=${this.discard}>Delete the connection</button></tp-dialog>`;
  }
}
