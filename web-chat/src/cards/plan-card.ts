/** A plan as a person reads it before saying yes. What they confirm is the digest of exactly this. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { PlanState } from '../fold.ts';
import type { EffectView, PlanView, ScheduleView } from '../protocol.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { bytes, counted, duration, moment } from '../text/format.ts';
import { inline } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';
import '../ui/copy-button.ts';
import { cardStyle } from './card-style.ts';
import { endpoints } from './endpoints.ts';
import { streamPart } from './plan-stream.ts';

export interface PlanConfirmed {
  readonly plan: string;
  readonly digest: string;
  readonly acknowledged: readonly string[];
}

/** Fires `plan-confirm` with `PlanConfirmed` and `plan-dismiss` with the plan's id. */
@customElement('tp-plan')
export class TpPlan extends LitElement {
  static override styles = [base, controls, surfaces, cardStyle, css`
    .stream { border: 1px solid var(--tp-line); border-radius: var(--tp-radius-s); }
    .stream > summary { padding: var(--tp-2) var(--tp-3); display: grid; gap: var(--tp-1); list-style: none; position: relative; padding-inline-end: 2.2rem; }
    .stream > summary::-webkit-details-marker { display: none; }
    .stream > summary::after { content: ''; position: absolute; inset-inline-end: 1rem; top: 1.1rem; width: 0.45rem; height: 0.45rem; border: solid var(--tp-ink-3); border-width: 0 2px 2px 0; rotate: 45deg; transition: rotate 120ms; }
    .stream[open] > summary::after { rotate: 225deg; top: 1.3rem; }
    .names { display: flex; align-items: center; gap: var(--tp-2); font-weight: 600; font-size: var(--tp-text-s); flex-wrap: wrap; overflow-wrap: anywhere; }
    .inside { padding: 0 var(--tp-3) var(--tp-3); display: grid; gap: var(--tp-3); }
    h4 { font-size: var(--tp-text-xs); color: var(--tp-ink-2); font-weight: 650; margin-bottom: var(--tp-1); }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: var(--tp-1) var(--tp-3); font-size: var(--tp-text-s); }
    dt { color: var(--tp-ink-2); }
    .mapping th { position: sticky; top: 0; background: var(--tp-surface); }
    .scroll { max-height: 20rem; overflow: auto; border: 1px solid var(--tp-line); border-radius: var(--tp-radius-s); }
    .facts li.destroys, .facts li.destroys svg { color: var(--tp-bad); }
    .facts li.destroys { font-weight: 600; }
    .ack { display: grid; grid-template-columns: auto 1fr; gap: var(--tp-2); align-items: start; padding: var(--tp-2) 0; font-weight: 500; color: var(--tp-ink); cursor: pointer; }
    .acks { border: 1px solid var(--tp-bad); border-radius: var(--tp-radius-s); background: var(--tp-bad-soft); padding: var(--tp-2) var(--tp-3); margin: 0; }
    .acks legend { color: var(--tp-bad); font-weight: 650; font-size: var(--tp-text-s); padding: 0 var(--tp-1); background: var(--tp-surface); border-radius: 4px; }
    .digest { margin-inline-start: auto; }
  `];

  @property() plan = '';
  @property() digest = '';
  @property({ attribute: false }) view!: PlanView;
  @property({ attribute: false }) state: PlanState = { is: 'proposed' };
  /** While the link is down a plan can be read but not confirmed. */
  @property({ type: Boolean }) offline = false;
  /** Confirming keeps the pipeline without starting a run. */
  @property({ type: Boolean }) keep = false;
  @state() private ticked: ReadonlySet<string> = new Set();
  @state() private sent = false;

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('digest')) this.ticked = new Set();
    if (changed.has('digest') || changed.has('state')) this.sent = false;
  }

  /** Lets a refused confirmation be tried again. */
  release(): void {
    this.sent = false;
  }

  /** Moves the focus into the plan: to the first box that wants ticking, else to Confirm. */
  enter(): void {
    const box = [...this.renderRoot.querySelectorAll<HTMLInputElement>('.ack input')].find((b) => !b.checked);
    const target = box ?? this.renderRoot.querySelector<HTMLButtonElement>('.confirm');
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: 'center' });
  }

  private get ready(): boolean {
    return !this.sent && !this.offline && this.view.destructive.every((target) => this.ticked.has(target));
  }

  private tick(target: string, on: boolean): void {
    const ticked = new Set(this.ticked);
    if (on) ticked.add(target);
    else ticked.delete(target);
    this.ticked = ticked;
  }

  private confirm(): void {
    if (!this.ready) return;
    this.sent = true;
    const detail: PlanConfirmed = { plan: this.plan, digest: this.digest, acknowledged: [...this.ticked] };
    this.dispatchEvent(new CustomEvent('plan-confirm', { detail, bubbles: true, composed: true }));
  }

  private dismiss(): void {
    this.dispatchEvent(new CustomEvent('plan-dismiss', { detail: this.plan, bubbles: true, composed: true }));
  }

  protected override render(): unknown {
    const v = this.view;
    const waiting = this.state.is === 'proposed';
    return html`<article class="card" aria-label="Plan ${v.name}">
      <div class="head">
        <div class="kicker"><span>Plan</span>${this.stateChip()}</div>
        <h3>${v.name}</h3>
        ${endpoints(v.source, v.destination)}
        <p class="small quiet num">${this.size()}</p>
      </div>
      ${waiting ? this.details() : html`<details class="part"><summary class="small quiet">What it said</summary>${this.details()}</details>`}
      ${waiting ? this.foot() : nothing}
    </article>`;
  }

  private stateChip(): View {
    switch (this.state.is) {
      case 'proposed': return html`<span class="chip warn">Waits for you</span>`;
      case 'confirmed': return html`<span class="chip good">Confirmed by ${this.state.by}</span>`;
      case 'dismissed': return html`<span class="chip">Dismissed</span>`;
      case 'superseded': return html`<span class="chip">Replaced by a newer plan</span>`;
    }
  }

  private size(): string {
    const v = this.view;
    const parts = [counted(v.streams.length, 'stream')];
    if (v.rows != null) parts.push(counted(v.rows, 'row'));
    if (v.bytes != null) parts.push(bytes(v.bytes));
    if (v.estimated_seconds != null) parts.push(`about ${duration(v.estimated_seconds)}`);
    return parts.join(' · ');
  }

  private details(): View {
    const v = this.view;
    return html`
      <div class="part"><h4>Data</h4>${v.streams.map((s) => streamPart(s, v.streams.length === 1))}</div>
      <div class="part"><h4>What will happen</h4><ul class="facts">${v.effects.map(effectLine)}</ul></div>
      <div class="part"><h4>When</h4>${v.schedule ? scheduleLines(v.schedule) : html`<p class="small">Once now, then whenever you run it.</p>`}</div>
      ${v.assumptions.length === 0 ? nothing : html`<div class="part"><h4>Assumed</h4><ul class="facts">${v.assumptions.map((a) => html`<li>${icon('chat', 14)}<span>${inline(a.text)}</span></li>`)}</ul></div>`}
      ${v.warnings.length === 0 ? nothing : html`<div class="part"><h4>Warnings</h4>${v.warnings.map((w) => html`<div class="note warn">${inline(w.message)}${w.suggestion ? html` ${inline(w.suggestion)}` : nothing}</div>`)}</div>`}
      <details class="part"><summary class="small quiet">The plan as it is kept</summary><pre tabindex="0">${JSON.stringify(v.spec, null, 2)}</pre>
        <div class="row"><tp-copy .text=${JSON.stringify(v.spec, null, 2)} label="Copy plan"></tp-copy><span class="tiny quiet mono break">digest ${this.digest}</span></div></details>`;
  }

  private foot(): View {
    const { destructive } = this.view;
    const left = destructive.filter((target) => !this.ticked.has(target)).length;
    return html`
      ${destructive.length === 0 ? nothing : html`<div class="part"><fieldset class="acks"><legend>This destroys data</legend>
        ${destructive.map((target) => html`<label class="ack"><input type="checkbox" .checked=${this.ticked.has(target)} @change=${(e: globalThis.Event) => this.tick(target, (e.target as HTMLInputElement).checked)} />
          <span>${this.consequence(target)}</span></label>`)}</fieldset></div>`}
      <div class="foot">
        <button class="primary confirm" ?disabled=${!this.ready} aria-describedby="why" @click=${this.confirm}>${icon('check', 16)}${this.sent ? 'Confirming…' : this.keep ? 'Confirm and keep' : 'Confirm and run'}</button>
        <button ?disabled=${this.sent || this.offline} @click=${this.dismiss}>Dismiss</button>
        <span id="why" class="small quiet">${this.offline ? 'You can confirm once the server answers again.' : left > 0 ? `Tick ${left === 1 ? 'the box' : `the ${left} boxes`} above first.` : 'Or say what to change.'}</span>
      </div>`;
  }

  private consequence(target: string): View {
    const effect = this.view.effects.find((e) => e.destructive && e.object === target);
    return html`Replace what is in <code>${target}</code>${effect?.rows == null ? nothing : html`: its ${counted(effect.rows, 'row')} are lost`}`;
  }
}

const EFFECT_ICON: Readonly<Record<string, string>> = { read: 'table', create: 'plus', alter: 'tool', append: 'download', merge: 'download', replace: 'warning', drop: 'trash' };

function effectLine(e: EffectView): View {
  return html`<li class=${e.destructive ? 'destroys' : ''}>${icon(EFFECT_ICON[e.kind] ?? 'arrow', 14)}<span>${inline(e.text)}${e.rows == null ? nothing : html` <span class="quiet num">(${counted(e.rows, 'row')})</span>`}</span></li>`;
}

export function scheduleLines(s: ScheduleView): View {
  return html`<p class="small"><strong>${inline(s.text)}</strong></p>
    ${s.next.length === 0 ? nothing : html`<ul class="facts">${s.next.slice(0, 3).map((at) => html`<li>${icon('clock', 14)}<time datetime=${at}>${moment(at, s.timezone)} ${s.timezone}</time></li>`)}</ul>`}
    ${s.note ? html`<p class="small quiet">${inline(s.note)}</p>` : nothing}`;
}
