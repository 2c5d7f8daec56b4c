/** Every pipeline of the workspace, with what it did last. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { endpoints } from '../cards/endpoints.ts';
import { totals } from '../fold-run.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { List, Pipeline } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago, counted, moment, rate } from '../text/format.ts';
import { inline } from '../text/markdown.ts';
import { modeText } from '../text/modes.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, saveFile, troubleNote, type View } from '../ui/show.ts';
import './import-dialog.ts';
import './new-pipeline.ts';
import './pipeline-actions.ts';
import { isActive, pipelineChip, refreshAfter } from './pipeline-status.ts';
import { viewStyle } from './view-style.ts';

@customElement('tp-pipelines')
export class TpPipelines extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`
    .pipeline { padding: var(--tp-4); display: grid; gap: var(--tp-2); }
    .name { font-weight: 650; text-decoration: none; color: var(--tp-ink); overflow-wrap: anywhere; }
    .name:hover { text-decoration: underline; color: var(--tp-ink); }
    .stats { display: flex; gap: var(--tp-1) var(--tp-4); flex-wrap: wrap; font-size: var(--tp-text-s); color: var(--tp-ink-2); }
    .under { border-top: 1px solid var(--tp-line); padding-top: var(--tp-2); margin-top: var(--tp-1); }
    .streams { display: grid; gap: 2px; margin-top: var(--tp-2); font-size: var(--tp-text-s); }
  `];

  @property({ attribute: false }) client!: Client;
  @state() private trouble: Trouble | null = null;
  @state() private importing = false;
  @state() private making = false;
  private readonly list = new Loader(this, () => this.client.get<List<Pipeline>>('/pipelines'), (v) => refreshAfter(v?.items.map((p) => p.last_run) ?? []));

  private async exportAll(): Promise<void> {
    try {
      saveFile('towpath-pipelines.json', JSON.stringify(await this.client.get('/pipelines/export'), null, 2));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private ask(text: string, run: string | null = null): void {
    this.dispatchEvent(new CustomEvent('towpath-ask', { detail: { text, run }, bubbles: true, composed: true }));
  }

  protected override render(): unknown {
    const items = this.list.value?.items ?? null;
    return html`<div class="top"><h1>Pipelines</h1><div class="actions">
        <button class="bare" @click=${() => { this.importing = true; }}>Import</button>
        ${items !== null && items.length > 0 ? html`<button class="bare" @click=${this.exportAll}>Export all</button>` : nothing}
        <button @click=${() => this.ask('')}>${icon('chat', 16)}Ask for one</button>
        <button class="primary" @click=${() => { this.making = true; }}>${icon('plus', 16)}New pipeline</button></div></div>
      <div class="stack" @pipeline-changed=${this.list.load} @pipeline-deleted=${this.list.load}>
        ${troubleNote(this.trouble)}${troubleNote(this.list.trouble, () => void this.list.load())}
        ${items === null ? (this.list.loading ? loading('pipelines') : nothing) : items.length === 0 ? this.none() : items.map((p) => this.card(p))}
      </div>
      ${this.making ? html`<tp-new-pipeline .client=${this.client} @tp-close=${() => { this.making = false; void this.list.load(); }}></tp-new-pipeline>` : nothing}
      ${this.importing ? html`<tp-import .client=${this.client} @tp-close=${() => { this.importing = false; void this.list.load(); }}></tp-import>` : nothing}`;
  }

  private none(): View {
    return emptyState('pipeline', 'No pipelines yet', 'Say what should move and where to. When you confirm the plan, it is kept here and can run again, on demand or on a schedule.',
      html`<div class="row"><button class="primary" @click=${() => this.ask('')}>${icon('chat', 16)}Ask for one</button><button @click=${() => { this.making = true; }}>Fill in a form</button><a class="button" href="/connections">Add a connection first</a></div>`);
  }

  private card(p: Pipeline): View {
    const run = p.last_run;
    return html`<article class="card pipeline">
      <div class="spread"><div class="row"><a class="name" href="/pipelines/${segment(p.id)}">${p.name}</a>${pipelineChip(p)}</div><span class="tiny quiet">version ${p.version}</span></div>
      ${endpoints(p.source, p.destination)}
      <div class="stats num"><span>${counted(p.streams.length, 'stream')}</span>
        <span>${p.schedule ? html`${p.schedule.text}${!p.paused && p.schedule.next[0] ? html`, next ${moment(p.schedule.next[0])}` : nothing}` : 'On demand'}</span>
        ${run == null ? nothing : html`<a href="/runs/${segment(run.id)}">Last run ${ago(run.finished_at ?? run.started_at ?? run.queued_at)}</a><span>${counted(run.rows_written, 'row')}</span>`}</div>
      ${run != null && isActive(run) ? this.progress(p) : nothing}
      ${run?.error && run.phase === 'failed' ? html`<div class="note bad"><strong>${inline(run.error.message)}</strong> ${run.error.hint ? inline(run.error.hint) : nothing}
        <div class="row" style="margin-top:.5rem"><button @click=${() => this.ask('Why did this run fail?', run.id)}>${icon('chat', 16)}Ask why it failed</button>
        <button class="bare" @click=${() => this.ask(`Set up CDC for ${p.name}`)}>Configure CDC in the chat</button></div></div>` : nothing}
      <details><summary class="small quiet">What it moves</summary><div class="streams">${p.streams.map((s) => html`<div class="break"><code>${s.stream}</code> to <code>${s.target}</code> <span class="quiet">${modeText(s.read, s.write)}</span></div>`)}</div></details>
      <div class="under"><tp-pipeline-actions .client=${this.client} .pipeline=${p}></tp-pipeline-actions></div>
    </article>`;
  }

  private progress(p: Pipeline): View {
    const streams = p.last_run?.streams ?? {};
    const sum = totals(streams);
    const current = Object.entries(streams).find(([, s]) => !s.done)?.[0];
    return html`<div class="stats num"><span>${current === undefined ? 'Starting' : html`Now <code>${current}</code>`}</span><span>${counted(sum.written, 'row')} so far</span><span>${rate(sum.rate)}</span></div>
      <div class="bar ${sum.percent === null ? 'unknown' : ''}" role="progressbar" aria-label="Progress of ${p.name}" aria-valuenow=${sum.percent === null ? nothing : Math.round(sum.percent)}><span style=${styleMap(sum.percent === null ? {} : { width: `${sum.percent}%` })}></span></div>`;
  }
}
