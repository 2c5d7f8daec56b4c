/** The front door: say what should move, and see how things stand. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../chat/composer.ts';
import type { Said } from '../chat/composer.ts';
import { GENERAL_ASKS, exampleAsks } from '../chat/example-asks.ts';
import '../connect/add-connection.ts';
import { segment, type Client } from '../rest/client.ts';
import type { Connection, List, Pipeline, Run } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago, counted } from '../text/format.ts';
import { connectorIcon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { phaseChip, statusChip, troubleNote, type View } from '../ui/show.ts';
import { refreshAfter } from './pipeline-status.ts';
import { viewStyle } from './view-style.ts';

interface Standing {
  readonly connections: readonly Connection[];
  readonly pipelines: readonly Pipeline[];
  readonly runs: readonly Run[];
}

@customElement('tp-home')
export class TpHome extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`
    :host { max-width: 60rem; }
    .hero { margin: clamp(1rem, 6vh, 4rem) auto clamp(2rem, 6vh, 4rem); display: grid; gap: var(--tp-4); }
    .hero p { margin-top: var(--tp-1); }
    .hero h1 { font-size: var(--tp-text-2xl); line-height: 1.15; text-wrap: balance; }
    .asks { display: flex; flex-wrap: wrap; gap: var(--tp-2); }
    .asks button { font-weight: 450; border-radius: var(--tp-round); white-space: normal; text-align: start; border-color: var(--tp-line); }
    .columns { display: grid; gap: var(--tp-4); grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); align-items: start; }
    .list { list-style: none; padding: 0; }
    .list li { display: flex; justify-content: space-between; align-items: center; gap: var(--tp-3); padding: var(--tp-3) var(--tp-4); border-top: 1px solid var(--tp-line); min-width: 0; }
    .list li:first-child { border-top: 0; }
    .list .who { display: flex; gap: var(--tp-2); align-items: center; min-width: 0; overflow-wrap: anywhere; }
    .list .who svg { color: var(--tp-accent); }
    .list a { color: var(--tp-ink); font-weight: 550; text-decoration: none; } .list a:hover { text-decoration: underline; }
    section > .spread { margin-bottom: var(--tp-2); }
    .end { text-align: end; flex: none; }
  `];

  @property({ attribute: false }) client!: Client;
  @state() private asks: readonly string[] = GENERAL_ASKS;
  @state() private adding = false;
  private readonly standing = new Loader<Standing>(this, () => this.read(), (s) => refreshAfter(s?.runs ?? []));

  override connectedCallback(): void {
    super.connectedCallback();
    void exampleAsks(this.client).then((asks) => { this.asks = asks; });
  }

  private async read(): Promise<Standing> {
    const [connections, pipelines, runs] = await Promise.all([
      this.client.get<List<Connection>>('/connections'), this.client.get<List<Pipeline>>('/pipelines'), this.client.get<List<Run>>('/runs', { limit: 5 }),
    ]);
    return { connections: connections.items, pipelines: pipelines.items, runs: runs.items };
  }

  private say(said: Said): void {
    this.dispatchEvent(new CustomEvent('towpath-say', { detail: said, bubbles: true, composed: true }));
  }

  protected override render(): unknown {
    const s = this.standing.value;
    return html`<div class="hero"><div><h1>What data should move?</h1><p class="quiet">Say it in plain words. You check the plan, confirm it, and get a receipt of what arrived.</p></div>
        <tp-composer .client=${this.client} placeholder=${this.asks[0] ?? ''} @say=${(e: CustomEvent<Said>) => this.say(e.detail)} @add-connection=${() => { this.adding = true; }}></tp-composer>
        <div class="asks" role="group" aria-label="Examples">${this.asks.map((ask) => html`<button @click=${() => this.say({ text: ask, attachments: [] })}>${ask}</button>`)}</div></div>
      ${troubleNote(this.standing.trouble, () => void this.standing.load())}
      ${s === null ? nothing : html`<div class="columns">${this.connections(s)}${this.runs(s)}</div>`}
      ${this.adding ? html`<tp-add-connection .client=${this.client} @tp-close=${() => { this.adding = false; void this.standing.load(); }}></tp-add-connection>` : nothing}`;
  }

  private connections(s: Standing): View {
    return html`<section><div class="spread"><h2>Connections</h2><a class="small" href="/connections">All</a></div>
      <div class="card">${s.connections.length === 0 ? html`<p class="panel quiet">None yet. Add the system to read from and the one to write to.</p>`
        : html`<ul class="list">${s.connections.slice(0, 5).map((c) => html`<li><span class="who">${connectorIcon(c.connector)}<span>${c.name}<div class="tiny quiet">${c.label || c.connector}</div></span></span>${statusChip(c.status)}</li>`)}</ul>`}</div></section>`;
  }

  private runs(s: Standing): View {
    return html`<section><div class="spread"><h2>Latest runs</h2><a class="small" href="/runs">All</a></div>
      <div class="card">${s.runs.length === 0 ? html`<p class="panel quiet">${s.pipelines.length === 0 ? 'Nothing has run yet. A confirmed plan starts the first run.' : html`Nothing has run yet. Start one from <a href="/pipelines">Pipelines</a>.`}</p>`
        : html`<ul class="list">${s.runs.map((r) => html`<li><span class="who"><span><a href="/runs/${segment(r.id)}">${r.pipeline_name}</a><div class="tiny quiet">${ago(r.started_at ?? r.queued_at)}</div></span></span><span class="end">${phaseChip(r.phase)}<div class="tiny quiet num">${counted(r.rows_written, 'row')}</div></span></li>`)}</ul>`}</div></section>`;
  }
}
