/** What is in a connection: its streams, searched, and the columns of one. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { List, StreamDetail, StreamSummary } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { count, counted } from '../text/format.ts';
import { icon } from '../ui/icon.ts';
import { troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';

const PAGE = 50;

@customElement('tp-stream-browser')
export class TpStreamBrowser extends LitElement {
  static override styles = [base, controls, surfaces, css`
    tp-dialog { --tp-dialog-width: 44rem; }
    .list { display: grid; margin-top: var(--tp-3); }
    .list button { justify-content: space-between; border: 0; border-bottom: 1px solid var(--tp-line); border-radius: 0; min-height: 2.5rem; white-space: normal; text-align: start; }
    .stack { display: grid; gap: var(--tp-3); grid-template-columns: minmax(0, 1fr); }
  `];

  @property({ attribute: false }) client!: Client;
  @property() connection = '';
  @state() private found: readonly StreamSummary[] | null = null;
  @state() private next: string | null = null;
  @state() private detail: StreamDetail | null = null;
  @state() private trouble: Trouble | null = null;
  @state() private seconds = 0;
  private text = '';
  private turn = 0;
  private wait: ReturnType<typeof setTimeout> | null = null;
  private ticking: ReturnType<typeof setInterval> | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load(null);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.rest();
  }

  private rest(): void {
    if (this.ticking !== null) clearInterval(this.ticking);
    this.ticking = null;
  }

  private async load(after: string | null): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    this.trouble = null;
    this.seconds = 0;
    this.rest();
    this.ticking = setInterval(() => { this.seconds += 1; }, 1000);
    try {
      const page = await this.client.get<List<StreamSummary>>(`/connections/${segment(this.connection)}/streams`, { search: this.text.trim(), limit: PAGE, after });
      if (turn !== this.turn) return;
      this.found = after === null ? page.items : [...(this.found ?? []), ...page.items];
      this.next = page.next ?? null;
    } catch (thrown) {
      if (turn === this.turn) this.trouble = asTrouble(thrown);
    }
    if (turn === this.turn) this.rest();
  }

  private typed(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    if (this.wait !== null) clearTimeout(this.wait);
    this.wait = setTimeout(() => void this.load(null), 200);
  }

  private async show(stream: string): Promise<void> {
    try {
      this.detail = await this.client.get<StreamDetail>(`/connections/${segment(this.connection)}/streams/${segment(stream)}`);
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  protected override render(): unknown {
    return html`<tp-dialog open heading=${this.detail === null ? `In ${this.connection}` : this.detail.stream} @tp-close=${() => this.dispatchEvent(new CustomEvent('tp-close'))}>
      ${troubleNote(this.trouble, () => void this.load(null))}${this.detail === null ? this.list() : this.columns(this.detail)}</tp-dialog>`;
  }

  private list(): View {
    return html`<input type="search" aria-label="Search streams" placeholder="Search tables, files, topics" .value=${this.text} @input=${this.typed} />
      ${this.found === null
        ? this.trouble === null ? html`<p class="quiet small" role="status">Looking through ${this.connection}…${this.seconds > 4 ? ` ${this.seconds} s so far. A large source takes a while; a search above asks for fewer.` : ''}</p>` : nothing
        : this.found.length === 0 ? html`<p class="quiet">${this.text === '' ? 'It holds nothing that this account may read.' : 'Nothing in it matches.'}</p>`
        : html`<div class="list">${this.found.map((s) => html`<button class="bare" ?disabled=${s.readable === false} @click=${() => this.show(s.stream)}><span class="mono break">${s.stream}</span>
            <span class="tiny quiet num">${s.readable === false ? 'no permission to read' : [s.rows == null ? '' : counted(s.rows, 'row'), columnsText(s.columns)].filter(Boolean).join(' · ')}</span></button>`)}</div>`}
      ${this.next === null ? nothing : html`<button @click=${() => this.load(this.next)}>Show more</button>`}`;
  }

  private columns(d: StreamDetail): View {
    const key = d.primary_key ?? [];
    return html`<div class="stack"><div class="spread"><button class="bare" @click=${() => { this.detail = null; }}>${icon('back', 16)}All streams</button>
        <span class="small quiet num">${d.rows == null ? nothing : counted(d.rows, 'row')}${key.length > 0 ? html` · key ${key.map((k) => html`<code>${k}</code> `)}` : ' · no primary key'}</span></div>
      <div class="scroll"><table><thead><tr><th scope="col">Column</th><th scope="col">Type</th><th scope="col">May be NULL</th><th scope="col">Indexed</th></tr></thead>
        <tbody>${d.columns.map((c) => html`<tr><td class="mono break">${c.name}${c.comment ? html`<div class="tiny quiet" style="font-family:var(--tp-font)">${c.comment}</div>` : nothing}</td><td class="mono">${c.type}</td><td>${c.nullable ? 'yes' : 'no'}</td><td>${c.indexed ? 'yes' : ''}</td></tr>`)}</tbody></table></div></div>`;
  }
}

function columnsText(columns: StreamSummary['columns']): string {
  if (columns == null) return '';
  const n = typeof columns === 'number' ? columns : columns.length;
  return `${count(n)} ${n === 1 ? 'column' : 'columns'}`;
}
