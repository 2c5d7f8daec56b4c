/** Picks when a pipeline runs. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { Pipeline } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { WEEKDAYS, toSchedule, type Every, type Picked } from '../text/schedule.ts';
import { troubleNote } from '../ui/show.ts';
import '../ui/dialog.ts';

const CHOICES: readonly (readonly [Every, string])[] = [
  ['demand', 'On demand'], ['hour', 'Every hour'], ['day', 'Every day'], ['week', 'Every week'], ['cron', 'Cron expression'],
];

@customElement('tp-schedule')
export class TpSchedule extends LitElement {
  static override styles = [base, controls, surfaces, css`
    form { display: grid; gap: var(--tp-3); }
    fieldset { border: 0; margin: 0; padding: 0; display: grid; gap: var(--tp-2); }
    legend { font-size: var(--tp-text-s); font-weight: 550; padding: 0; margin-bottom: var(--tp-1); }
    .choice { display: flex; gap: var(--tp-2); align-items: center; font-weight: 400; font-size: var(--tp-text-m); }
    .pair { display: grid; grid-template-columns: 1fr 1fr; gap: var(--tp-3); }
    .field { display: grid; gap: 0.25rem; }
    select { width: 100%; }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ attribute: false }) pipeline!: Pipeline;
  @state() private picked: Picked = { every: 'day', time: '02:00', weekday: 1, cron: '0 2 * * *', timezone: 'UTC' };
  @state() private error: string | null = null;
  @state() private trouble: Trouble | null = null;

  private set(change: Partial<Picked>): void {
    this.picked = { ...this.picked, ...change };
  }

  private async save(): Promise<void> {
    const read = toSchedule(this.picked);
    this.error = 'error' in read ? read.error : null;
    if ('error' in read) return;
    try {
      await this.client.put(`/pipelines/${segment(this.pipeline.id)}/schedule`, { schedule: read.schedule });
      this.dispatchEvent(new CustomEvent('scheduled'));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  protected override render(): unknown {
    const p = this.picked;
    const value = (e: Event): string => (e.target as HTMLInputElement).value;
    const close = (): boolean => this.dispatchEvent(new CustomEvent('tp-close'));
    return html`<tp-dialog open heading="Schedule ${this.pipeline.name}" @tp-close=${close}>
      <form @submit=${(e: SubmitEvent) => { e.preventDefault(); void this.save(); }}>
        ${this.pipeline.schedule ? html`<p class="small quiet">Now: ${this.pipeline.schedule.text}</p>` : nothing}
        <fieldset><legend>Run it</legend>${CHOICES.map(([every, text]) => html`<label class="choice"><input type="radio" name="every" value=${every} .checked=${p.every === every} @change=${() => this.set({ every })} />${text}</label>`)}</fieldset>
        ${p.every === 'week' ? html`<div class="field"><label for="weekday">On</label><select id="weekday" @change=${(e: Event) => this.set({ weekday: Number(value(e)) })}>${WEEKDAYS.map((d, i) => html`<option value=${i} ?selected=${i === p.weekday}>${d}</option>`)}</select></div>` : nothing}
        ${p.every === 'cron' ? html`<div class="field"><label for="cron">Minute, hour, day, month, weekday</label><input id="cron" class="mono" spellcheck="false" .value=${p.cron} @input=${(e: Event) => this.set({ cron: value(e) })} /></div>` : nothing}
        ${p.every === 'demand' ? html`<p class="small quiet">It runs when you, the chat or a program says so.</p>` : html`<div class="pair">
          ${p.every === 'day' || p.every === 'week' ? html`<div class="field"><label for="time">At</label><input id="time" type="time" .value=${p.time} @input=${(e: Event) => this.set({ time: value(e) })} /></div>` : nothing}
          <div class="field"><label for="zone">Time zone</label><input id="zone" list="zones" autocomplete="off" .value=${p.timezone} @input=${(e: Event) => this.set({ timezone: value(e) })} />
            <datalist id="zones">${['UTC', Intl.DateTimeFormat().resolvedOptions().timeZone].map((z) => html`<option value=${z}></option>`)}</datalist></div></div>`}
        ${this.error === null ? nothing : html`<div class="note bad" role="alert">${inline(this.error)}</div>`}${troubleNote(this.trouble)}
      </form>
      <button slot="actions" @click=${close}>Cancel</button><button slot="actions" class="primary" @click=${this.save}>Keep this schedule</button>
    </tp-dialog>`;
  }
}
