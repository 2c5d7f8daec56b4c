/** One run, live: phases, streams, what went wrong, the receipt, the rows that were set aside, and the log. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../cards/receipt-card.ts';
import '../cards/run-card.ts';
import { foldRunTopic, newRunTopic, type RunState, type RunTopic } from '../fold-run.ts';
import { TopicLink } from '../link/topic-link.ts';
import { isFinal } from '../protocol.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { Pipeline, Run } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { moment } from '../text/format.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, troubleNote } from '../ui/show.ts';
import './quarantine-panel.ts';
import './run-log.ts';
import { triggerText } from './run-table.ts';
import { viewStyle } from './view-style.ts';

@customElement('tp-run-detail')
export class TpRunDetail extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`:host { padding: 0; max-width: none; } .spread h2 a { color: inherit; text-decoration: none; } .spread h2 a:hover { text-decoration: underline; } .meta { display: flex; gap: var(--tp-1) var(--tp-4); flex-wrap: wrap; }`];

  @property({ attribute: false }) client!: Client;
  @property() runId = '';
  @state() private trouble: Trouble | null = null;
  @state() private receipt: unknown = null;
  private topic: TopicLink<RunTopic> | null = null;
  private readonly run = new Loader(this, () => (this.runId === '' ? null : this.client.get<Run>(`/runs/${segment(this.runId)}`)), (r) => (r !== null && isFinal(r.phase) ? null : 2000));
  private readonly pipeline = new Loader(this, () => (this.run.value === null ? null : this.client.get<Pipeline>(`/pipelines/${segment(this.run.value.pipeline)}`)));

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('runId')) this.follow();
    if (this.run.value !== null && this.pipeline.value === null && this.pipeline.trouble === null && !this.pipeline.loading) void this.pipeline.load();
    if (this.run.value?.phase === 'completed' && this.receipt === null) void this.proof();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.topic?.close();
  }

  private follow(): void {
    this.topic?.close();
    this.receipt = this.trouble = null;
    this.pipeline.value = this.pipeline.trouble = null;
    const id = this.runId;
    this.topic = new TopicLink<RunTopic>({
      url: (after) => this.client.socketUrl(`/runs/${segment(id)}/ws`, { after }),
      fold: foldRunTopic,
      start: newRunTopic(id),
      onChange: () => this.moved(),
      isOver: (t) => isFinal(t.run.phase) && (t.run.finished !== null),
    });
    if (this.hasUpdated) this.run.restart();
  }

  private moved(): void {
    const run = this.topic?.state.run;
    if (run?.receipt != null) this.receipt = run.receipt;
    if (run !== undefined && isFinal(run.phase) && this.run.value !== null && !isFinal(this.run.value.phase)) void this.run.load();
    this.requestUpdate();
  }

  private async proof(): Promise<void> {
    this.receipt = false; // asked for
    try {
      this.receipt = await this.client.get<unknown>(`/runs/${segment(this.runId)}/receipt`);
    } catch {
      // A run without a receipt shows none; the log says why.
    }
  }

  private async cancel(): Promise<void> {
    try {
      await this.client.post(`/runs/${segment(this.runId)}/cancel`);
      await this.run.load();
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private ask(text: string): void {
    this.dispatchEvent(new CustomEvent('towpath-ask', { detail: { text, run: this.runId }, bubbles: true, composed: true }));
  }

  protected override render(): unknown {
    const run = this.run.value;
    if (this.run.trouble?.status === 404) return emptyState('list', 'This run is not here', 'The address is wrong, or its record was removed.', html`<a class="button" href="/runs">See all runs</a>`);
    if (run === null) return html`${troubleNote(this.run.trouble, () => void this.run.load())}${this.run.loading ? loading('the run', 3) : nothing}`;
    return html`<div class="stack">
      <div class="spread"><h2><a href="/pipelines/${segment(run.pipeline)}">${run.pipeline_name}</a></h2><button class="bare" @click=${() => this.ask(run.phase === 'failed' ? 'Why did this run fail?' : 'Explain this run')}>${icon('chat', 16)}Ask about this run</button></div>
      <p class="meta small quiet"><span>Queued ${moment(run.queued_at)}</span><span>started by ${triggerText(run.trigger)}</span>${run.attempt > 1 ? html`<span>attempt ${run.attempt}</span>` : nothing}</p>
      ${troubleNote(this.trouble)}
      <tp-run embedded .run=${this.best(run)} .reads=${this.pipeline.value?.streams.map((s) => s.read) ?? []} @run-cancel=${this.cancel}></tp-run>
      ${this.receipt === null || this.receipt === false ? nothing : html`<tp-receipt .receipt=${this.receipt}></tp-receipt>`}
      <tp-quarantine .client=${this.client} .runId=${this.runId} .version=${run.phase}></tp-quarantine>
      <tp-run-log .client=${this.client} .runId=${this.runId} .live=${!isFinal(run.phase)} .version=${run.phase}></tp-run-log>
    </div>`;
  }

  /** The record says what is certain; the live topic is ahead of it while the run goes on. */
  private best(run: Run): RunState {
    const live = this.topic?.state.run;
    const error = run.error;
    const record: RunState = {
      run: run.id, pipeline: run.pipeline, phase: run.phase, reached: live?.reached ?? run.phase, started: run.started_at ?? null, finished: run.finished_at ?? null,
      message: error?.message ?? null, hint: error?.hint ?? null, streams: run.streams ?? {}, log: [], receipt: null,
    };
    if (live === undefined || isFinal(run.phase) || this.topic?.state.seq === 0) return record;
    return { ...live, started: live.started ?? record.started, streams: { ...record.streams, ...live.streams } };
  }
}
