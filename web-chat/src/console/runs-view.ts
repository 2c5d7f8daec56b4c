/** Runs on the left, one of them on the right. On a narrow screen one or the other. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { segment, type Client } from '../rest/client.ts';
import type { List, Run } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago, counted, duration } from '../text/format.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, phaseChip, troubleNote, type View } from '../ui/show.ts';
import './run-detail.ts';
import { refreshAfter } from './pipeline-status.ts';
import { runSeconds } from './run-table.ts';
import { viewStyle } from './view-style.ts';

const STATES: readonly (readonly [string, string])[] = [['', 'All states'], ['failed', 'Failed'], ['completed', 'Completed'], ['cancelled', 'Cancelled'], ['transferring', 'Transferring'], ['streaming', 'Streaming']];
const PAGE = 30;

@customElement('tp-runs')
export class TpRuns extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`
    .split { display: grid; grid-template-columns: minmax(15rem, 20rem) minmax(0, 1fr); gap: var(--tp-4); align-items: start; }
    .list { display: grid; gap: var(--tp-1); grid-template-columns: minmax(0, 1fr); }
    .list a { display: grid; gap: 2px; padding: var(--tp-2) var(--tp-3); border: 1px solid transparent; border-radius: var(--tp-radius); color: var(--tp-ink); text-decoration: none; }
    .list a:hover { background: var(--tp-sunken); }
    .list a[aria-current] { background: var(--tp-surface); border-color: var(--tp-line); box-shadow: var(--tp-shadow); }
    .list strong { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: var(--tp-text-s); }
    .only-narrow { display: none; }
    @container (max-width: 50rem) { .split { grid-template-columns: minmax(0, 1fr); } .split.one .list-side, .detail.auto { display: none; } .only-narrow { display: inline-flex; } }
  `];

  @property({ attribute: false }) client!: Client;
  @property() runId = '';
  @property() pipelineId = '';
  @state() private phase = '';
  @state() private older: readonly Run[] = [];
  @state() private next: string | null = null;
  private readonly list = new Loader(this, () => this.client.get<List<Run>>('/runs', { pipeline: this.pipelineId, state: this.phase, limit: PAGE }), (v) => refreshAfter(v?.items ?? []));

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('pipelineId') && changed.get('pipelineId') !== undefined) this.filter(this.phase);
  }

  private filter(phase: string): void {
    this.phase = phase;
    this.older = [];
    this.next = null;
    this.list.restart();
  }

  private async more(after: string): Promise<void> {
    const page = await this.client.get<List<Run>>('/runs', { pipeline: this.pipelineId, state: this.phase, limit: PAGE, after });
    this.older = [...this.older, ...page.items];
    this.next = page.next ?? '';
  }

  protected override render(): unknown {
    const first = this.list.value;
    const items = first === null ? null : [...first.items, ...this.older.filter((run) => !first.items.some((r) => r.id === run.id))];
    const next = this.older.length > 0 ? this.next : first?.next ?? null;
    const chosen = this.runId !== '' ? this.runId : items?.[0]?.id ?? '';
    return html`<div class="top"><h1>Runs and logs</h1>
        <div class="row"><label for="phase" class="visually-hidden">State</label><select id="phase" @change=${(e: Event) => this.filter((e.target as HTMLSelectElement).value)}>${STATES.map(([v, t]) => html`<option value=${v}>${t}</option>`)}</select></div></div>
      ${troubleNote(this.list.trouble, () => void this.list.load())}
      ${items === null ? (this.list.loading ? loading('runs') : nothing) : items.length === 0 && this.runId === '' ? this.none() : html`
      <div class="split ${this.runId === '' ? '' : 'one'}">
        <nav class="list-side" aria-label="Runs"><div class="list">${items.map((run) => this.line(run, run.id === chosen))}</div>
          ${next ? html`<button class="bare" @click=${() => this.more(next)}>Show older runs</button>` : nothing}</nav>
        <div class=${this.runId === '' ? 'detail auto' : 'detail'}><a class="back only-narrow" href="/runs" ?hidden=${this.runId === ''}>${icon('back', 15)}All runs</a>
          ${chosen === '' ? nothing : html`<tp-run-detail .client=${this.client} .runId=${chosen}></tp-run-detail>`}</div>
      </div>`}`;
  }

  private none(): View {
    return this.phase === ''
      ? emptyState('list', 'Nothing has run yet', 'A run appears here once you confirm a plan or start a pipeline.', html`<a class="button" href="/chat">Ask for a pipeline</a>`)
      : emptyState('list', 'No run is in this state', 'Choose another state above.');
  }

  private line(run: Run, current: boolean): View {
    const seconds = runSeconds(run);
    return html`<a href="/runs/${segment(run.id)}" aria-current=${current ? 'true' : nothing}><strong>${run.pipeline_name}</strong>
      <span class="row">${phaseChip(run.phase)}<span class="tiny quiet">${ago(run.started_at ?? run.queued_at)}</span></span>
      <span class="tiny quiet num">${counted(run.rows_written, 'row')}${seconds === null ? '' : ` · ${duration(seconds)}`}</span></a>`;
  }
}
