/** The workspace's connections, and the catalog of what else it could connect to. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../connect/add-connection.ts';
import '../connect/connector-list.ts';
import { type Client } from '../rest/client.ts';
import type { Connection, Connector, List, Role } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, troubleNote, type View } from '../ui/show.ts';
import './connection-card.ts';
import { viewStyle } from './view-style.ts';

type Tab = 'yours' | Role;
const TABS: readonly (readonly [Tab, string])[] = [['yours', 'Yours'], ['source', 'Sources'], ['destination', 'Destinations']];

@customElement('tp-connections')
export class TpConnections extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`.grid { display: grid; gap: var(--tp-3); grid-template-columns: repeat(auto-fill, minmax(min(25rem, 100%), 1fr)); align-items: start; }`];

  @property({ attribute: false }) client!: Client;
  @state() private tab: Tab = 'yours';
  @state() private adding: { readonly connector: Connector | null; readonly existing: Connection | null } | null = null;
  private readonly list = new Loader(this, () => this.client.get<List<Connection>>('/connections', { limit: 200 }), () => 30_000);

  private add(connector: Connector | null = null, existing: Connection | null = null): void {
    this.adding = { connector, existing };
  }

  private arrows(event: KeyboardEvent): void {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const at = TABS.findIndex(([tab]) => tab === this.tab);
    this.tab = TABS[(at + step + TABS.length) % TABS.length]?.[0] ?? 'yours';
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus());
  }

  protected override render(): unknown {
    return html`<div class="top"><h1>Connections</h1><button class="primary" @click=${() => this.add()}>${icon('plus', 16)}Add connection</button></div>
      <div class="tabs" role="tablist" aria-label="Connections and catalog" @keydown=${this.arrows}>${TABS.map(([tab, text]) => html`<button role="tab" id="tab-${tab}" aria-controls="panel" aria-selected=${this.tab === tab} tabindex=${this.tab === tab ? 0 : -1} @click=${() => { this.tab = tab; }}>${text}</button>`)}</div>
      <div id="panel" role="tabpanel" aria-labelledby="tab-${this.tab}">${this.tab === 'yours' ? this.yours() : this.catalog(this.tab)}</div>
      ${this.adding === null ? nothing : html`<tp-add-connection .client=${this.client} .connector=${this.adding.connector} .existing=${this.adding.existing}
        @tp-close=${() => { this.adding = null; void this.list.load(); }} @connection-added=${this.list.load}></tp-add-connection>`}`;
  }

  private catalog(side: Role): View {
    return html`<tp-connector-list .client=${this.client} .side=${side} @choose-connector=${(e: CustomEvent<Connector>) => this.add(e.detail)}></tp-connector-list>`;
  }

  private yours(): View {
    const items = this.list.value?.items ?? null;
    return html`${troubleNote(this.list.trouble, () => void this.list.load())}
      ${items === null ? (this.list.loading ? loading('connections') : nothing) : items.length === 0
        ? emptyState('link', 'No connections yet', 'A connection is a system with its credentials, under a name of yours. Add the one to read from and the one to write to.', html`<button class="primary" @click=${() => this.add()}>${icon('plus', 16)}Add connection</button>`)
        : html`<div class="grid">${items.map((c) => html`<tp-connection .client=${this.client} .connection=${c} @connection-changed=${this.list.load} @connection-edit=${() => this.add(null, c)}></tp-connection>`)}</div>`}`;
  }
}
