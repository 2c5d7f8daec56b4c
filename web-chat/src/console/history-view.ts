/** Who did what: the audit trail, and the talks in which it was asked for. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { segment, type Client } from '../rest/client.ts';
import type { AuditEntry, ConversationSummary, List } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago, moment } from '../text/format.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, troubleNote, type View } from '../ui/show.ts';
import { viewStyle } from './view-style.ts';

@customElement('tp-history')
export class TpHistory extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`section h2 { margin-bottom: var(--tp-2); } .broad { min-width: 40rem; } .broad td { overflow-wrap: break-word; } .detail { font-size: var(--tp-text-xs); max-width: 30rem; }`];
  @property({ attribute: false }) client!: Client;
  @state() private older: readonly AuditEntry[] = [];
  @state() private next: string | null = null;
  private readonly audit = new Loader(this, () => this.client.get<List<AuditEntry>>('/audit', { limit: 50 }));
  private readonly talks = new Loader(this, () => this.client.get<List<ConversationSummary>>('/conversations', { limit: 10 }));

  private async more(after: string): Promise<void> {
    const page = await this.client.get<List<AuditEntry>>('/audit', { limit: 50, after });
    this.older = [...this.older, ...page.items];
    this.next = page.next ?? '';
  }

  protected override render(): unknown {
    const first = this.audit.value;
    const next = this.older.length > 0 ? this.next : first?.next ?? null;
    return html`<div class="top"><h1>History</h1></div><div class="stack wide">
      <section><h2>Talks</h2>${troubleNote(this.talks.trouble, () => void this.talks.load())}${this.recent()}</section>
      <section><h2>Audit trail</h2>${troubleNote(this.audit.trouble, () => void this.audit.load())}
        ${first === null ? (this.audit.loading ? loading('the audit trail') : nothing) : first.items.length === 0 ? emptyState('list', 'Nothing has been done yet', 'Whatever a person or a key changes is written here.') : html`<div class="card scroll"><table class="broad">
          <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Did</th><th scope="col">To</th><th scope="col">Detail</th></tr></thead>
          <tbody>${[...first.items, ...this.older].map((e) => html`<tr><td title=${moment(e.at)} style="white-space:nowrap">${ago(e.at)}</td><td class="break">${e.actor}</td><td>${e.action.replaceAll(/[._]/g, ' ')}</td><td class="mono break">${e.object ?? ''}</td><td class="detail break">${detailText(e.detail)}</td></tr>`)}</tbody></table></div>
          ${next ? html`<button class="bare" @click=${() => this.more(next)}>Show older</button>` : nothing}`}</section></div>`;
  }

  private recent(): View {
    const items = this.talks.value?.items;
    if (items === undefined) return nothing;
    if (items.length === 0) return html`<p class="quiet">No talk yet. <a href="/chat">Start one</a>.</p>`;
    return html`<div class="card scroll"><table><tbody>${items.map((t) => html`<tr><td><a href="/chat/${segment(t.id)}">${t.title || 'Untitled'}</a>${t.pending_plan ? html` <span class="chip warn">plan waits</span>` : nothing}</td><td class="quiet num" style="white-space:nowrap">${ago(t.updated_at)}</td></tr>`)}</tbody></table></div>
      <p class="small quiet" style="margin-top:.5rem">Open a talk to see every tool that was called in it, and what it answered.</p>`;
  }
}

function detailText(detail: unknown): string {
  if (detail === null || detail === undefined) return '';
  return typeof detail === 'string' ? detail : JSON.stringify(detail);
}
