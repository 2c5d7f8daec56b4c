/** What can be done to a pipeline: run, stop, pause, schedule, export, delete. The same buttons on the list and its page. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { Pipeline } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { icon } from '../ui/icon.ts';
import { copyText, saveFile, troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';
import '../cards/stop-dialog.ts';
import { isActive } from './pipeline-status.ts';
import './schedule-dialog.ts';

type Asking = 'delete' | 'stop' | 'schedule' | 'rename' | null;

/** Fires `pipeline-changed` when something was done, `pipeline-deleted` when it is gone. */
@customElement('tp-pipeline-actions')
export class TpPipelineActions extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: block; }
    .actions { display: flex; gap: var(--tp-1); flex-wrap: wrap; align-items: center; }
    .note { margin-top: var(--tp-2); }
    input { margin-top: var(--tp-1); }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ attribute: false }) pipeline!: Pipeline;
  @property({ type: Boolean }) full = false;
  @state() private asking: Asking = null;
  @state() private busy = false;
  @state() private trouble: Trouble | null = null;
  @state() private said = '';
  private name = '';

  private get path(): string {
    return `/pipelines/${segment(this.pipeline.id)}`;
  }

  private async do(work: () => Promise<unknown>, said: string, event = 'pipeline-changed'): Promise<void> {
    this.asking = null;
    this.busy = true;
    this.trouble = null;
    try {
      await work();
      this.said = said;
      this.dispatchEvent(new CustomEvent(event, { bubbles: true, composed: true }));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    } finally {
      this.busy = false;
    }
  }

  private stop(): void {
    const run = this.pipeline.last_run;
    if (run != null) void this.do(() => this.client.post(`/runs/${segment(run.id)}/cancel`), 'Stopping.');
  }

  private async export(): Promise<void> {
    await this.do(async () => saveFile(`${this.pipeline.name.replaceAll(/\W+/g, '-')}.json`, JSON.stringify(await this.client.get(`${this.path}/export`), null, 2)), 'Exported.');
  }

  protected override render(): unknown {
    const p = this.pipeline;
    const running = isActive(p.last_run);
    return html`<div class="actions">
      ${running
        ? html`<button class="danger-quiet" ?disabled=${this.busy || p.last_run?.phase === 'cancelling'} @click=${() => { this.asking = 'stop'; }}>${icon('stop', 16)}Stop</button>`
        : html`<button class=${this.full ? 'primary' : ''} ?disabled=${this.busy} @click=${() => this.do(() => this.client.post(`${this.path}/run`), 'Started.')}>${icon('play', 16)}Run now</button>`}
      <button class="bare" ?disabled=${this.busy} @click=${() => { this.asking = 'schedule'; }}>${icon('clock', 16)}${p.schedule ? 'Change schedule' : 'Schedule'}</button>
      ${p.paused
        ? html`<button class="bare" ?disabled=${this.busy} @click=${() => this.do(() => this.client.post(`${this.path}/resume`), 'Resumed.')}>${icon('play', 16)}Resume</button>`
        : html`<button class="bare" ?disabled=${this.busy || !p.schedule} title=${p.schedule ? 'Stop starting it on its schedule' : 'It has no schedule to pause'} @click=${() => this.do(() => this.client.post(`${this.path}/pause`), 'Paused.')}>${icon('pause', 16)}Pause</button>`}
      <button class="bare" ?disabled=${this.busy} @click=${this.export}>${icon('download', 16)}Export</button>
      ${this.full ? html`<button class="bare" @click=${() => { this.name = p.name; this.asking = 'rename'; }}>Rename</button>
        <button class="bare" @click=${async () => { this.said = (await copyText(p.id)) ? 'Copied.' : p.id; }}>${icon('copy', 16)}Copy id</button>` : nothing}
      <button class="bare danger-quiet" ?disabled=${this.busy} @click=${() => { this.asking = 'delete'; }}>${icon('trash', 16)}Delete</button>
      <span class="small quiet" role="status">${this.said}</span>
    </div>
    ${troubleNote(this.trouble)}${this.dialogs()}`;
  }

  private dialogs(): View {
    const p = this.pipeline;
    const close = (): void => { this.asking = null; };
    switch (this.asking) {
      case null: return nothing;
      case 'stop':
        return html`<tp-stop open .reads=${p.streams.map((s) => s.read)} @tp-close=${close} @stop-confirmed=${this.stop}></tp-stop>`;
      case 'schedule':
        return html`<tp-schedule .client=${this.client} .pipeline=${p} @tp-close=${close} @scheduled=${() => this.do(() => Promise.resolve(), 'Schedule kept.')}></tp-schedule>`;
      case 'delete':
        return html`<tp-dialog open heading="Delete ${p.name}?" @tp-close=${close}>
          <p>Its schedule stops and it leaves this list. The tables at <strong>${p.destination.connection}</strong> stay as they are, and so do the records of its runs.</p>
          <button slot="actions" @click=${close}>Keep it</button><button slot="actions" class="danger" @click=${() => this.do(() => this.client.delete(this.path), '', 'pipeline-deleted')}>Delete the pipeline</button></tp-dialog>`;
      case 'rename':
        return html`<tp-dialog open heading="Rename" @tp-close=${close}>
          <label for="name">New name</label><input id="name" autofocus .value=${this.name} @input=${(e: Event) => { this.name = (e.target as HTMLInputElement).value; }} />
          <button slot="actions" @click=${close}>Cancel</button><button slot="actions" class="primary" @click=${() => this.do(() => this.client.patch(this.path, { name: this.name.trim() }), 'Renamed.')}>Rename</button></tp-dialog>`;
    }
  }
}
