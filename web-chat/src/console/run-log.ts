/** The log of a run, from its first line, by level. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { LogLevel } from '../protocol.ts';
import { segment, type Client } from '../rest/client.ts';
import type { List, LogItem } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { clock, counted } from '../text/format.ts';
import { Loader } from '../ui/loader.ts';
import { troubleNote, type View } from '../ui/show.ts';
import '../ui/copy-button.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const PAGE = 500;

@customElement('tp-run-log')
export class TpRunLog extends LitElement {
  static override styles = [base, controls, surfaces, css`
    .head { padding: var(--tp-2) var(--tp-4); border-bottom: 1px solid var(--tp-line); }
    .lines { font-family: var(--tp-mono); font-size: var(--tp-text-xs); max-height: 32rem; overflow: auto; padding: var(--tp-2) 0; line-height: 1.6; }
    .entry { display: grid; grid-template-columns: 4.6rem 3.2rem 6.5rem minmax(0, 1fr); gap: 0 var(--tp-2); padding: 1px var(--tp-4); }
    .entry:hover { background: var(--tp-sunken); }
    .entry > * { overflow-wrap: anywhere; }
    .warn .level { color: var(--tp-warn); font-weight: 650; } .error .level, .error .text { color: var(--tp-bad); } .error .level { font-weight: 650; } .debug { color: var(--tp-ink-3); }
    .none { padding: var(--tp-4); }
    @media (max-width: 700px) { .entry { grid-template-columns: max-content max-content 1fr; padding-block: 3px; } .entry .text { grid-column: 1 / -1; } }
  `];

  @property({ attribute: false }) client!: Client;
  @property() runId = '';
  @property({ type: Boolean }) live = false;
  /** Another value has the log read again. */
  @property() version = '';
  @state() private level: LogLevel = 'info';
  private readonly log = new Loader(this, () => (this.runId === '' ? null : this.read()), () => (this.live ? 1500 : null));
  private lines: readonly LogItem[] = [];
  private of = '';

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('runId') && changed.get('runId')) this.log.restart();
    else if (changed.has('version') && changed.get('version')) void this.log.load();
  }

  /** Reads on from the last line it has, page by page. */
  private async read(): Promise<readonly LogItem[]> {
    const of = `${this.runId} ${this.level}`;
    let lines = this.of === of ? this.lines : [];
    for (;;) {
      const after = lines.at(-1)?.seq ?? 0;
      const page = await this.client.get<List<LogItem>>(`/runs/${segment(this.runId)}/logs`, { after, level: this.level, limit: PAGE });
      const fresh = page.items.filter((line) => line.seq > after);
      lines = [...lines, ...fresh];
      if (fresh.length < PAGE) break;
    }
    this.of = of;
    this.lines = lines;
    return lines;
  }

  private choose(event: Event): void {
    this.level = (event.target as HTMLSelectElement).value as LogLevel;
    this.log.restart();
  }

  protected override render(): unknown {
    const lines = this.log.value ?? [];
    return html`<section class="card" aria-label="Log"><div class="head spread"><h3>Log <span class="small quiet num" style="font-weight:400">${this.log.value === null ? '' : counted(lines.length, 'line')}</span></h3>
      <div class="row"><label for="level">Level</label><select id="level" @change=${this.choose}>${LEVELS.map((l) => html`<option value=${l} ?selected=${l === this.level}>${l === 'error' ? l : `${l} and above`}</option>`)}</select>
        <tp-copy .text=${lines.map(plain).join('\n')}></tp-copy></div></div>
      ${troubleNote(this.log.trouble, () => void this.log.load())}
      ${lines.length === 0 ? html`<p class="none quiet small">${this.log.value === null ? 'Loading the log…' : this.live ? 'No line yet.' : 'No line at this level. Choose a lower one.'}</p>`
        : html`<div class="lines" tabindex="0" role="log" aria-live="off" aria-label="Log lines">${lines.map(entry)}</div>`}</section>`;
  }
}

function entry(line: LogItem): View {
  return html`<div class="entry ${line.level}"><span class="quiet num">${clock(line.at)}</span><span class="level">${line.level}</span><span class="quiet">${line.stage}</span><span class="text">${line.stream ? html`<span class="quiet">[${line.stream}]</span> ` : nothing}${line.message}</span></div>`;
}

function plain(line: LogItem): string {
  return `${line.at} ${line.level} ${line.stage}${line.stream ? ` [${line.stream}]` : ''} ${line.message}`;
}
