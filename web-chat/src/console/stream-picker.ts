/** Picks streams of a connection, and how each is read and written. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { MODES, type PickedStream } from '../form/pipeline-spec.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { List, StreamDetail, StreamSummary } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { counted } from '../text/format.ts';
import { modeText } from '../text/modes.ts';
import { troubleNote, type View } from '../ui/show.ts';

/** Fires `streams-picked` with the `PickedStream`s. */
@customElement('tp-stream-picker')
export class TpStreamPicker extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: grid; gap: var(--tp-2); }
    .list { border: 1px solid var(--tp-line); border-radius: var(--tp-radius-s); max-height: 19rem; overflow: auto; }
    .one, .how { grid-template-columns: minmax(0, 1fr); min-width: 0; }
    .one { padding: var(--tp-2) var(--tp-3); border-bottom: 1px solid var(--tp-line); display: grid; gap: var(--tp-2); }
    .one:last-child { border-bottom: 0; }
    .one > label { display: flex; gap: var(--tp-2); align-items: center; font-weight: 450; }
    .how { display: flex; gap: var(--tp-2); flex-wrap: wrap; padding-inline-start: 1.6rem; }
    .how select { max-width: 100%; }
  `];

  @property({ attribute: false }) client!: Client;
  @property() connection = '';
  @state() private found: readonly StreamSummary[] | null = null;
  @state() private details: Readonly<Record<string, StreamDetail>> = {};
  @state() private picked: readonly PickedStream[] = [];
  @state() private trouble: Trouble | null = null;
  private wait: ReturnType<typeof setTimeout> | null = null;
  private text = '';
  private turn = 0;

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has('connection')) return;
    this.picked = [];
    this.details = {};
    this.found = null;
    void this.load();
  }

  private async load(): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    try {
      const page = await this.client.get<List<StreamSummary>>(`/connections/${segment(this.connection)}/streams`, { search: this.text.trim(), limit: 100 });
      if (turn !== this.turn) return;
      this.found = page.items;
      this.trouble = null;
    } catch (thrown) {
      if (turn === this.turn) this.trouble = asTrouble(thrown);
    }
  }

  private typed(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    if (this.wait !== null) clearTimeout(this.wait);
    this.wait = setTimeout(() => void this.load(), 200);
  }

  private set(picked: readonly PickedStream[]): void {
    this.picked = picked;
    this.dispatchEvent(new CustomEvent('streams-picked', { detail: picked }));
  }

  private change(stream: string, change: Partial<PickedStream>): void {
    this.set(this.picked.map((p) => (p.stream === stream ? { ...p, ...change } : p)));
  }

  private async toggle(s: StreamSummary, on: boolean): Promise<void> {
    if (!on) return this.set(this.picked.filter((p) => p.stream !== s.stream));
    this.set([...this.picked, { stream: s.stream, mode: 'full/replace', cursor: '', key: s.primary_key ?? [] }]);
    try {
      const detail = await this.client.get<StreamDetail>(`/connections/${segment(this.connection)}/streams/${segment(s.stream)}`);
      this.details = { ...this.details, [s.stream]: detail };
      this.change(s.stream, { key: detail.primary_key ?? [] });
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
    return undefined;
  }

  protected override render(): unknown {
    return html`<label for="search">Data (${counted(this.picked.length, 'stream')} chosen)</label>
      <input id="search" type="search" placeholder="Search in ${this.connection}" @input=${this.typed} />
      ${troubleNote(this.trouble, () => void this.load())}
      ${this.found === null ? (this.trouble === null ? html`<p class="small quiet" role="status">Looking through ${this.connection}…</p>` : nothing)
        : this.found.length === 0 ? html`<p class="small quiet">Nothing here that this account may read. Try another search.</p>`
        : html`<div class="list">${this.found.map((s) => this.one(s))}</div>`}`;
  }

  private one(s: StreamSummary): View {
    const picked = this.picked.find((p) => p.stream === s.stream);
    return html`<div class="one"><label><input type="checkbox" ?disabled=${s.readable === false} .checked=${picked !== undefined} @change=${(e: Event) => this.toggle(s, (e.target as HTMLInputElement).checked)} />
        <span class="mono break grow">${s.stream}</span><span class="tiny quiet num">${s.readable === false ? 'no permission to read' : s.rows == null ? '' : counted(s.rows, 'row')}</span></label>
      ${picked === undefined ? nothing : this.how(picked)}</div>`;
  }

  private how(p: PickedStream): View {
    const value = (e: Event): string => (e.target as HTMLSelectElement).value;
    const columns = this.details[p.stream]?.columns ?? [];
    return html`<div class="how"><select aria-label="How ${p.stream} is moved" @change=${(e: Event) => this.change(p.stream, { mode: value(e) })}>${MODES.map(([read, write]) => html`<option value="${read}/${write}" ?selected=${p.mode === `${read}/${write}`}>${modeText(read, write)}</option>`)}</select>
      ${p.mode.startsWith('incremental') ? html`<select aria-label="Cursor of ${p.stream}" @change=${(e: Event) => this.change(p.stream, { cursor: value(e) })}><option value="">Cursor…</option>${columns.map((c) => html`<option value=${c.name} ?selected=${c.name === p.cursor}>${c.name} (${c.type})</option>`)}</select>` : nothing}</div>`;
  }
}
