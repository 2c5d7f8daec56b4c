/** A run while it happens: its phase, one bar for each stream, speed and time left, the newest log lines. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { styleMap } from 'lit/directives/style-map.js';
import { totals, type LogLine, type RunState } from '../fold-run.ts';
import { isFinal, type RunPhase, type StreamProgress } from '../protocol.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { between, bytes, clock, count, counted, duration, rate } from '../text/format.ts';
import { inline } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import { phaseChip, phaseText, type View } from '../ui/show.ts';
import { cardStyle } from './card-style.ts';
import './stop-dialog.ts';

const STEPS: readonly RunPhase[] = ['initializing', 'analyzing', 'transferring', 'completed'];

/** Fires `run-cancel` with the run's id once the person has read what stopping means, and `open-run` for its page. */
@customElement('tp-run')
export class TpRun extends LitElement {
  static override styles = [base, controls, surfaces, cardStyle, css`
    .steps { display: grid; grid-template-columns: repeat(4, 1fr); gap: var(--tp-1); padding: 0; list-style: none; }
    .steps li { font-size: var(--tp-text-xs); color: var(--tp-ink-3); border-top: 3px solid var(--tp-line); padding-top: var(--tp-1); min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .steps li.past { border-color: var(--tp-good); color: var(--tp-ink-2); }
    .steps li.now { border-color: var(--tp-accent); color: var(--tp-ink); font-weight: 650; }
    .steps li.bad { border-color: var(--tp-bad-fill); color: var(--tp-bad); font-weight: 650; }
    .stream { display: grid; gap: 0.25rem; }
    .log { font-family: var(--tp-mono); font-size: var(--tp-text-xs); display: grid; gap: 2px; max-height: 12rem; overflow: auto; }
    .log .warn { color: var(--tp-warn); } .log .error { color: var(--tp-bad); }
  `];

  @property({ attribute: false }) run!: RunState;
  @property() heading = '';
  /** Read modes of the pipeline, for what stopping means. */
  @property({ attribute: false }) reads: readonly string[] = [];
  @property({ type: Boolean }) embedded = false;
  @state() private asking = false;

  protected override render(): unknown {
    const run = this.run;
    const sum = totals(run.streams);
    const over = isFinal(run.phase);
    const seconds = between(run.started, run.finished ?? (over ? null : new Date().toISOString()));
    return html`<article class="card" aria-label="Run ${this.heading}">
      <div class="head">
        <div class="spread"><div class="kicker"><span>Run</span>${phaseChip(run.phase)}</div>
          ${over ? nothing : html`<button class="danger-quiet" ?disabled=${run.phase === 'cancelling'} @click=${() => { this.asking = true; }}>${icon('stop', 16)}${run.phase === 'cancelling' ? 'Stopping…' : 'Cancel'}</button>`}</div>
        ${this.heading === '' ? nothing : html`<h3>${this.heading}</h3>`}
        ${run.phase === 'streaming' ? html`<p class="small quiet">Caught up. Changes are carried over as they happen.</p>` : this.steps(run)}
        <p class="small quiet num">${counted(sum.written, 'row')} written · ${bytes(sum.bytes)}${rate(sum.rate) && !over ? ` · ${rate(sum.rate)}` : ''}${sum.eta !== null && !over ? ` · about ${duration(sum.eta)} left` : ''}${seconds !== null ? ` · ${duration(seconds)}` : ''}</p>
        <span class="visually-hidden" role="status">${this.spoken(run, sum.percent)}</span>
      </div>
      ${run.message ? html`<div class="part"><div class="note ${run.phase === 'failed' ? 'bad' : run.phase === 'retrying' ? 'warn' : ''}"><strong>${inline(run.message)}</strong>${run.hint ? html` ${inline(run.hint)}` : nothing}</div></div>` : nothing}
      ${Object.keys(run.streams).length === 0 ? nothing : html`<div class="part">${Object.entries(run.streams).map(([name, p]) => streamBar(name, p, run.phase))}</div>`}
      ${run.log.length === 0 || this.embedded ? nothing : html`<details class="part"><summary class="small quiet">Log (${count(run.log.length)} newest lines)</summary><div class="log" tabindex="0" role="log">${run.log.slice(-40).map(logLine)}</div></details>`}
      ${this.embedded ? nothing : html`<div class="foot"><button class="bare" @click=${() => this.fire('open-run')}>${icon('list', 16)}Runs and logs</button>
        ${run.phase === 'failed' ? html`<button class="bare" @click=${() => this.fire('ask-run')}>${icon('chat', 16)}Ask why it failed</button>` : nothing}</div>`}
      <tp-stop .open=${this.asking} .reads=${this.reads} @tp-close=${() => { this.asking = false; }} @stop-confirmed=${() => { this.asking = false; this.fire('run-cancel'); }}></tp-stop>
    </article>`;
  }

  private fire(name: string): void {
    this.dispatchEvent(new CustomEvent(name, { detail: this.run.run, bubbles: true, composed: true }));
  }

  private steps(run: RunState): View {
    const at = STEPS.indexOf(run.reached);
    const stuck = run.phase === 'failed' || run.phase === 'cancelled';
    return html`<ol class="steps" aria-label="Phases">${STEPS.map((step, i) => {
      const where = run.phase === 'completed' || i < at ? 'past' : i === Math.max(at, 0) ? (stuck ? 'bad' : 'now') : '';
      return html`<li class=${where} aria-current=${where === 'now' ? 'step' : nothing}>${phaseText(step)}</li>`;
    })}</ol>`;
  }

  /** Spoken in steps of a quarter, so that a screen reader is not flooded. */
  private spoken(run: RunState, percent: number | null): string {
    const share = percent === null || isFinal(run.phase) ? '' : `, ${Math.floor(percent / 25) * 25} percent`;
    return `${this.heading || 'Run'}: ${phaseText(run.phase)}${share}`;
  }
}

export function streamBar(name: string, p: StreamProgress, phase: RunPhase): View {
  const percent = p.done ? 100 : p.percent ?? null;
  const bad = phase === 'failed' && !p.done;
  const still = isFinal(phase) && percent === null;
  return html`<div class="stream">
    <div class="spread small"><span class="mono break">${name}</span>
      <span class="num quiet">${count(p.rows_written)} rows${p.rows_quarantined > 0 ? html` · <span style="color:var(--tp-warn)">${count(p.rows_quarantined)} quarantined</span>` : nothing}${!p.done && rate(p.rows_per_second) && !isFinal(phase) ? ` · ${rate(p.rows_per_second)}` : ''}${!p.done && p.eta_seconds != null && !isFinal(phase) ? ` · ${duration(p.eta_seconds)} left` : ''}${p.done ? ' · done' : percent === null ? '' : ` · ${Math.round(percent)} %`}</span></div>
    <div class="bar ${p.done ? 'done' : ''} ${bad ? 'bad' : ''} ${percent === null && !still ? 'unknown' : ''}" role="progressbar" aria-label=${name} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent === null ? nothing : Math.round(percent)}>
      <span style=${styleMap(percent === null ? (still ? { width: '0' } : {}) : { width: `${percent}%` })}></span></div>
  </div>`;
}

export function logLine(line: LogLine): View {
  return html`<div class=${line.level}><span class="quiet">${clock(line.at)}</span> ${line.level === 'info' ? nothing : html`${line.level} `}${line.stream ? html`[${line.stream}] ` : nothing}${line.message}</div>`;
}
