/** Where connectors run, and whether that place answers. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, segment, type Client } from '../rest/client.ts';
import type { CheckAnswer, List, Runtime } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { emptyState, loading, troubleNote, type View } from '../ui/show.ts';
import { viewStyle } from './view-style.ts';

@customElement('tp-runtimes')
export class TpRuntimes extends LitElement {
  static override styles = [base, controls, surfaces, viewStyle, css`.runtime { padding: var(--tp-4); display: grid; gap: var(--tp-2); } .lead { margin: calc(-1 * var(--tp-2)) 0 var(--tp-4); max-width: 46rem; }`];
  @property({ attribute: false }) client!: Client;
  @state() private answers: Readonly<Record<string, CheckAnswer | 'busy'>> = {};
  private readonly list = new Loader(this, () => this.client.get<List<Runtime>>('/runtimes'), () => 30_000);

  private async check(name: string): Promise<void> {
    this.answers = { ...this.answers, [name]: 'busy' };
    try {
      const answer = await this.client.post<CheckAnswer>(`/runtimes/${segment(name)}/check`);
      this.answers = { ...this.answers, [name]: answer };
    } catch (thrown) {
      const trouble = asTrouble(thrown);
      this.answers = { ...this.answers, [name]: { state: 'failed', message: trouble.message, hint: trouble.suggestion } };
    }
  }

  protected override render(): unknown {
    const items = this.list.value?.items ?? null;
    return html`<div class="top"><h1>Runtimes</h1></div><p class="lead quiet">Where connectors run. Check the runtime before you blame a connector: a pipeline that hangs while it initializes is often waiting for one.</p>
      <div class="stack">${troubleNote(this.list.trouble, () => void this.list.load())}
      ${items === null ? (this.list.loading ? loading('runtimes', 2) : nothing) : items.length === 0 ? emptyState('server', 'No runtime is set up', 'Start the server with its local runtime, or set one in its configuration.') : items.map((r) => this.card(r))}</div>`;
  }

  private card(r: Runtime): View {
    const answer = this.answers[r.name];
    const good = r.state === 'ok' || r.state === 'ready' || r.state === 'available';
    return html`<article class="card runtime"><div class="spread"><div class="row">${icon('server', 22)}<h3>${r.name}</h3><span class="tiny quiet">${r.kind}</span><span class="chip ${good ? 'good' : 'warn'}"><span class="dot"></span>${r.state}</span></div>
        <button ?disabled=${answer === 'busy'} @click=${() => this.check(r.name)}>${icon('refresh', 16)}${answer === 'busy' ? 'Checking…' : 'Test connection'}</button></div>
      ${r.detail ? html`<p class="small quiet">${inline(r.detail)}</p>` : nothing}
      ${answer === undefined || answer === 'busy' ? nothing : html`<div role="status" class="note ${answer.state === 'failed' ? 'bad' : 'good'}"><strong>${inline(answer.message ?? (answer.state === 'failed' ? 'It does not answer.' : 'It answers.'))}</strong> ${answer.hint ? inline(answer.hint) : nothing}</div>`}</article>`;
  }
}
