/** The catalog of systems: searched by name or nickname, page by page. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, type Client, type Trouble } from '../rest/client.ts';
import type { Connector, List, Role } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { connectorIcon } from '../ui/icon.ts';
import { loading, troubleNote, type View } from '../ui/show.ts';

const PAGE = 24;

/** Fires `choose-connector` with the connector. */
@customElement('tp-connector-list')
export class TpConnectorList extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: grid; gap: var(--tp-3); }
    .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); gap: var(--tp-2); }
    .grid button { display: grid; grid-template-columns: auto 1fr; gap: 0 var(--tp-3); justify-content: start; text-align: start; align-items: center; white-space: normal; padding: var(--tp-3); border-color: var(--tp-line); }
    .grid button svg { grid-row: span 2; color: var(--tp-accent); }
    .grid button:hover { border-color: var(--tp-accent); }
    .about { font-weight: 400; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
    .skeleton { display: grid; gap: var(--tp-2); } .skeleton .line { height: 3rem; border-radius: var(--tp-radius-s); background: var(--tp-sunken); animation: tp-pulse 1.4s infinite; }
  `];

  @property({ attribute: false }) client!: Client;
  @property() side: Role | '' = '';
  @state() private found: readonly Connector[] = [];
  @state() private next: string | null = null;
  @state() private busy = true;
  @state() private trouble: Trouble | null = null;
  private text = '';
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load(null);
  }

  override updated(changed: Map<string, unknown>): void {
    if (changed.has('side') && changed.get('side') !== undefined) void this.load(null);
  }

  private typed(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(null), 180);
  }

  private async load(after: string | null): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    this.busy = true;
    try {
      const page = await this.client.get<List<Connector>>('/connectors', { q: this.text.trim(), role: this.side, limit: PAGE, after });
      if (turn !== this.turn) return;
      this.found = after === null ? page.items : [...this.found, ...page.items];
      this.next = page.next ?? null;
      this.trouble = null;
    } catch (thrown) {
      if (turn === this.turn) this.trouble = asTrouble(thrown);
    }
    if (turn === this.turn) this.busy = false;
  }

  protected override render(): unknown {
    return html`<input type="search" aria-label="Search systems" placeholder="Search: postgres, s3, stripe…" @input=${this.typed} />
      ${troubleNote(this.trouble, () => void this.load(null))}
      ${this.found.length === 0 ? this.none() : html`<div class="grid">${this.found.map((c) => this.tile(c))}</div>`}
      ${this.next === null ? nothing : html`<button ?disabled=${this.busy} @click=${() => this.load(this.next)}>Show more</button>`}`;
  }

  private none(): View {
    if (this.busy) return loading('systems', 3);
    return this.trouble === null ? html`<p class="quiet">No system matches <strong>${this.text}</strong>. Try its vendor’s name, or the kind of system.</p>` : nothing;
  }

  private tile(c: Connector): View {
    return html`<button @click=${() => this.dispatchEvent(new CustomEvent('choose-connector', { detail: c, bubbles: true, composed: true }))}>
      ${connectorIcon(`${c.id} ${c.kind}`, 22)}<span>${c.name} ${c.native ? nothing : html`<span class="chip" title="Runs as an Airbyte image">Airbyte</span>`}</span>
      <span class="tiny quiet about">${c.description || c.roles.join(' and ')}</span></button>`;
  }
}
