/** One pipeline: what it moves, when, what can be done to it, and its runs. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { endpoints } from '../cards/endpoints.ts';
import { scheduleLines } from '../cards/plan-card.ts';
import { segment, type Client } from '../rest/client.ts';
import type { List, Pipeline, Run } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago } from '../text/format.ts';
import { modeName } from '../text/modes.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, troubleNote, type View } from '../ui/show.ts';
import './pipeline-actions.ts';
import { pipelineChip, refreshAfter } from './pipeline-status.ts';
import { runTable } from './run-table.ts';
import { navigate } from './router.ts';
import { viewStyle } from './view-style.ts';

@customElement('tp-pipeline-page')
export class TpPipelinePage extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`
    .facts { list-style: none; padding: 0; display: grid; gap: var(--tp-1); font-size: var(--tp-text-s); }
    .facts li { display: flex; gap: var(--tp-2); align-items: center; }
    .two { display: grid; gap: var(--tp-3); grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); }
    @container (max-width: 46rem) { .two { grid-template-columns: minmax(0, 1fr); } }
    .broad { min-width: 27rem; } .broad td { overflow-wrap: break-word; } section h2 { margin-bottom: var(--tp-2); }
  `];

  @property({ attribute: false }) client!: Client;
  @property() pipelineId = '';
  private readonly pipeline = new Loader(this, () => this.client.get<Pipeline>(`/pipelines/${segment(this.pipelineId)}`), (p) => refreshAfter([p?.last_run]));
  private readonly runs = new Loader(this, () => this.client.get<List<Run>>('/runs', { pipeline: this.pipelineId, limit: 25 }), (r) => refreshAfter(r?.items ?? []));

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has('pipelineId') || changed.get('pipelineId') === undefined || changed.get('pipelineId') === '') return;
    this.pipeline.restart();
    this.runs.restart();
  }

  private readonly changed = (): void => {
    void this.pipeline.load();
    void this.runs.load();
  };

  protected override render(): unknown {
    const p = this.pipeline.value;
    return html`<a class="back" href="/pipelines">${icon('back', 15)}Pipelines</a>
      ${this.pipeline.trouble?.status === 404
        ? emptyState('pipeline', 'This pipeline is not here', 'It was deleted, or the address is wrong.', html`<a class="button" href="/pipelines">See all pipelines</a>`)
        : troubleNote(this.pipeline.trouble, () => void this.pipeline.load())}
      ${p === null ? (this.pipeline.loading ? loading('the pipeline') : nothing) : this.body(p)}`;
  }

  private body(p: Pipeline): View {
    return html`<div class="top"><h1>${p.name} ${pipelineChip(p)}</h1></div>
      <div class="stack wide">
        <div class="stack">${endpoints(p.source, p.destination)}
          <tp-pipeline-actions full .client=${this.client} .pipeline=${p} @pipeline-changed=${this.changed} @pipeline-deleted=${() => navigate('/pipelines')}></tp-pipeline-actions></div>
        <div class="two">
          <section class="card panel"><h2>Data</h2><div class="scroll"><table class="broad">
            <thead><tr><th scope="col">Stream</th><th scope="col">Table at ${p.destination.connection}</th><th scope="col">How</th></tr></thead>
            <tbody>${p.streams.map((s) => { const mode = modeName(s.read, s.write); return html`<tr><td class="mono break">${s.stream}</td><td class="mono break">${s.target}</td><td>${mode.ours}<div class="tiny quiet">${mode.airbyte ?? ''}</div></td></tr>`; })}</tbody></table></div></section>
          <section class="card panel"><h2>Schedule</h2>${p.schedule ? scheduleLines(p.schedule) : html`<p class="small quiet">On demand: it runs when you say so.</p>`}
            ${p.paused ? html`<div class="note warn">Paused: it does not start by itself until you resume it.</div>` : nothing}
            <p class="tiny quiet" style="margin-top:.75rem">Version ${p.version}, kept since ${ago(p.created_at)}</p></section>
        </div>
        <section><h2>Runs</h2>${troubleNote(this.runs.trouble, () => void this.runs.load())}
          ${this.runs.value === null ? (this.runs.loading ? loading('runs', 2) : nothing) : runTable(this.runs.value.items)}</section>
      </div>`;
  }
}
