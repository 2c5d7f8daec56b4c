/** A new pipeline by form: from, data, to, when; then the plan, to be confirmed like any other. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../cards/plan-card.ts';
import type { PlanConfirmed, TpPlan } from '../cards/plan-card.ts';
import { missing, toSpec, type PickedStream, type PipelineForm } from '../form/pipeline-spec.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { Connection, List, ProposedPlan, Role } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { toSchedule } from '../text/schedule.ts';
import { Loader } from '../ui/loader.ts';
import { troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';
import { navigate } from './router.ts';
import './stream-picker.ts';

const EVERY: readonly (readonly [cron: string, text: string])[] = [['', 'On demand'], ['0 * * * *', 'Every hour'], ['0 2 * * *', 'Every day at 02:00 UTC'], ['0 2 * * 1', 'Every Monday at 02:00 UTC']];

@customElement('tp-new-pipeline')
export class TpNewPipeline extends LitElement {
  static override styles = [base, controls, surfaces, css`
    tp-dialog { --tp-dialog-width: 46rem; }
    form { display: grid; gap: var(--tp-4); grid-template-columns: minmax(0, 1fr); }
    .pair { display: grid; gap: var(--tp-3); grid-template-columns: repeat(auto-fit, minmax(min(14rem, 100%), 1fr)); }
    .field { display: grid; gap: 0.25rem; align-content: start; }
    select { width: 100%; }
  `];

  @property({ attribute: false }) client!: Client;
  @state() private form: PipelineForm = { name: '', source: '', destination: '', namespace: '', streams: [], schedule: null };
  @state() private plan: ProposedPlan | null = null;
  @state() private wants: string | null = null;
  @state() private trouble: Trouble | null = null;
  @state() private busy = false;
  private readonly connections = new Loader(this, () => this.client.get<List<Connection>>('/connections', { limit: 200 }));

  private set(change: Partial<PipelineForm>): void {
    this.form = { ...this.form, ...change };
    this.wants = null;
  }

  private every(cron: string): void {
    const read = toSchedule({ every: cron === '' ? 'demand' : 'cron', time: '', weekday: 0, cron, timezone: 'UTC' });
    if ('schedule' in read) this.set({ schedule: read.schedule });
  }

  private async propose(): Promise<void> {
    this.wants = missing(this.form);
    if (this.wants !== null || this.busy) return;
    await this.call(async () => { this.plan = await this.client.post<ProposedPlan>('/plans', { spec: toSpec(this.form) }); });
  }

  private async confirm({ plan, digest, acknowledged }: PlanConfirmed): Promise<void> {
    await this.call(async () => {
      const made = await this.client.post<{ run?: string | { id: string } | null }>(`/plans/${segment(plan)}/confirm`, { digest, acknowledged, run: true });
      const run = typeof made.run === 'string' ? made.run : made.run?.id;
      this.close();
      if (run !== undefined) navigate(`/runs/${segment(run)}`);
    });
  }

  private async call(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      await work();
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
      this.renderRoot.querySelector<TpPlan>('tp-plan')?.release();
    }
    this.busy = false;
  }

  /** Back to the fields. The plan on screen is not the one any more, so it must not wait for a yes elsewhere. */
  private back(): void {
    if (this.plan !== null) void this.client.post(`/plans/${segment(this.plan.plan)}/dismiss`).catch(() => {});
    this.plan = null;
    this.trouble = null;
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent('tp-close'));
  }

  protected override render(): unknown {
    const back = (): void => this.back();
    return html`<tp-dialog open heading="New pipeline" @tp-close=${this.close}>
      ${this.plan === null ? this.fields() : html`<tp-plan .plan=${this.plan.plan} .digest=${this.plan.digest} .view=${this.plan.view} @plan-confirm=${(e: CustomEvent<PlanConfirmed>) => this.confirm(e.detail)} @plan-dismiss=${back}></tp-plan>`}
      ${this.wants === null ? nothing : html`<div class="note warn" role="alert">${inline(this.wants)}</div>`}${troubleNote(this.trouble)}
      ${this.plan === null
        ? html`<button slot="actions" @click=${this.close}>Cancel</button><button slot="actions" class="primary" ?disabled=${this.busy} @click=${this.propose}>${this.busy ? 'Checking…' : 'Show me the plan'}</button>`
        : html`<button slot="actions" @click=${back}>Change it</button>`}
    </tp-dialog>`;
  }

  private fields(): View {
    const f = this.form;
    const text = (e: Event): string => (e.target as HTMLInputElement).value;
    return html`<form @submit=${(e: SubmitEvent) => { e.preventDefault(); void this.propose(); }}>
      ${troubleNote(this.connections.trouble, () => void this.connections.load())}
      <div class="pair">${this.endpoint('From', 'source', f.source, (source) => this.set({ source, streams: [] }))}${this.endpoint('To', 'destination', f.destination, (destination) => this.set({ destination }))}</div>
      ${f.source === '' ? nothing : html`<tp-stream-picker .client=${this.client} .connection=${f.source} @streams-picked=${(e: CustomEvent<readonly PickedStream[]>) => this.set({ streams: e.detail })}></tp-stream-picker>`}
      <div class="pair">
        <div class="field"><label for="namespace">Schema or dataset there</label><input id="namespace" autocomplete="off" spellcheck="false" placeholder="The connection’s own" .value=${f.namespace} @input=${(e: Event) => this.set({ namespace: text(e) })} /></div>
        <div class="field"><label for="every">When</label><select id="every" @change=${(e: Event) => this.every(text(e))}>${EVERY.map(([cron, words]) => html`<option value=${cron} ?selected=${cron === (f.schedule?.cron ?? '')}>${words}</option>`)}</select></div>
        <div class="field"><label for="name">Name</label><input id="name" autocomplete="off" placeholder="Made from the streams" .value=${f.name} @input=${(e: Event) => this.set({ name: text(e) })} /></div></div>
      <p class="small quiet">Nothing moves yet: you see the whole plan first. Filters, masks and renamed columns can be asked for in the chat.</p>
    </form>`;
  }

  private endpoint(label: string, side: Role, value: string, choose: (name: string) => void): View {
    const all = this.connections.value?.items.filter((c) => c.roles.includes(side)) ?? [];
    return html`<div class="field"><label for=${side}>${label}</label><select id=${side} @change=${(e: Event) => choose((e.target as HTMLSelectElement).value)}>
      <option value="">Choose a connection…</option>${all.map((c) => html`<option value=${c.name} ?selected=${c.name === value}>${c.name} (${c.connector})</option>`)}</select>
      ${this.connections.value !== null && all.length === 0 ? html`<span class="tiny quiet">None can be a ${side} yet. <a href="/connections">Add one</a>.</span>` : nothing}</div>`;
  }
}
