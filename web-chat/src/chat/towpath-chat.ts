/**
 * `<towpath-chat>`: the talk with the agent, as a panel that any page can hold.
 *
 *   base          origin of the server; empty for the origin of the page
 *   conversation  which talk to show; empty for a new one, which is made when the first thing is said
 *
 * Fires `towpath-conversation` (detail: id) when a talk has been made, and the cancelable `towpath-open`
 * (detail: a path of the console) when a person wants to see more; if nobody takes it, the path opens in a new tab.
 */
import { LitElement, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { empty, fold, pendingPlan, type Conversation, type Item } from '../fold.ts';
import { TopicLink } from '../link/topic-link.ts';
import type { AttachmentView, ClientFrame, Refused } from '../protocol.ts';
import { Client, Trouble, asTrouble, segment } from '../rest/client.ts';
import { base, controls, surfaces, tokens } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import { loading, troubleNote, type View } from '../ui/show.ts';
import type { PlanConfirmed, TpPlan } from '../cards/plan-card.ts';
import '../connect/add-connection.ts';
import { announcement } from './announcement.ts';
import { chatStyle } from './chat-style.ts';
import type { Said, TpComposer } from './composer.ts';
import './composer.ts';
import { GENERAL_ASKS, exampleAsks } from './example-asks.ts';
import { itemView, type Acts } from './items.ts';
import { RunFollower } from './run-follower.ts';

@customElement('towpath-chat')
export class TowpathChat extends LitElement {
  static override styles = [tokens, base, controls, surfaces, chatStyle];

  @property() base = '';
  @property() conversation = '';
  @property({ attribute: false }) client: Client | null = null;
  @state() private talk: Conversation = empty;
  @state() private waiting: Said | null = null;
  @state() private trouble: Trouble | null = null;
  @state() private refused: Refused | null = null;
  @state() private asks: readonly string[] = GENERAL_ASKS;
  @state() private connecting = false;
  @state() private connectOpen = false;
  @state() private atEnd = true;
  @query('.list') private list!: HTMLElement;
  @query('.inner') private inner!: HTMLElement;
  @query('tp-composer') private composer!: TpComposer;
  private topic: TopicLink<Conversation> | null = null;
  private opened = '';
  private readonly sizes = new ResizeObserver(() => this.follow());
  private readonly follower = new RunFollower(() => this.server, () => this.requestUpdate());

  private get server(): Client {
    this.client ??= new Client(this.base);
    return this.client;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void exampleAsks(this.server).then((asks) => { this.asks = asks; });
    if (!this.hasUpdated) return;
    this.sizes.observe(this.inner);
    this.reopen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
    this.topic?.close();
    this.topic = null;
    this.opened = '';
    this.follower.close();
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('conversation') && this.conversation !== this.opened) this.reopen();
  }

  override firstUpdated(): void {
    this.sizes.observe(this.inner);
  }

  override updated(): void {
    this.follow();
  }

  /** Keeps the newest in sight; of a plan that is its beginning, since it wants reading from there. */
  private follow(): void {
    if (!this.atEnd || this.list === null) return;
    const last = this.talk.items.at(-1);
    const card = last?.kind === 'plan' && last.state.is === 'proposed' ? this.inner.querySelector<HTMLElement>('tp-plan:last-of-type') : null;
    const end = this.list.scrollHeight - this.list.clientHeight;
    this.list.scrollTop = card === null ? end : Math.min(end, card.offsetTop - this.inner.offsetTop);
  }

  /** Puts the cursor where a person types. */
  override focus(): void {
    this.composer?.focus();
  }

  /** Says something as if it had been typed. */
  readonly say = (text: string, attachments: readonly AttachmentView[] = []): void => {
    void this.send({ text, attachments });
  };

  /** Puts an attachment beside what is being typed. */
  attach(attachment: AttachmentView): void {
    void this.updateComplete.then(() => {
      this.composer.attachments = [...this.composer.attachments, attachment];
      this.composer.focus();
    });
  }

  private reopen(): void {
    this.topic?.close();
    this.topic = null;
    this.follower.close();
    this.opened = this.conversation;
    this.talk = empty;
    this.trouble = this.refused = null;
    this.atEnd = true;
    if (this.conversation === '') return;
    const id = this.conversation;
    this.topic = new TopicLink<Conversation>({
      url: (after) => this.server.socketUrl(`/conversations/${segment(id)}/ws`, { after }),
      fold,
      start: empty,
      onChange: () => this.changed(),
      onRefused: (refused) => this.onRefused(refused),
    });
  }

  private changed(): void {
    const topic = this.topic;
    if (topic === null) return;
    if (topic.link === 'reconnecting' && this.talk.seq === 0) void this.probe();
    const said = topic.state.items.filter((i) => i.kind === 'user').length;
    if (said > this.talk.items.filter((i) => i.kind === 'user').length) this.waiting = null;
    this.talk = topic.state;
    this.follower.watch(Object.values(this.talk.runs));
    this.requestUpdate();
  }

  /** A socket does not say why it was refused; a plain call does. */
  private async probe(): Promise<void> {
    try {
      await this.server.get(`/conversations/${segment(this.conversation)}`);
      this.trouble = null;
    } catch (thrown) {
      const trouble = asTrouble(thrown);
      if (trouble.status !== 404) return;
      this.topic?.close();
      this.topic = null;
      this.trouble = new Trouble('gone', 'This conversation is no longer there.', 'Start a new one below.', 404);
      this.opened = this.conversation = '';
    }
  }

  private async send(said: Said): Promise<void> {
    this.trouble = this.refused = null;
    this.waiting = said;
    this.atEnd = true;
    if (this.conversation === '' && !(await this.begin(said))) return;
    const frame: ClientFrame = said.attachments.length === 0 ? { type: 'say', text: said.text } : { type: 'say', text: said.text, attachments: said.attachments };
    this.topic?.send(frame);
  }

  private async begin(said: Said): Promise<boolean> {
    this.connecting = true;
    try {
      const made = await this.server.post<{ id: string }>('/conversations', {});
      this.conversation = made.id;
      this.reopen();
      this.dispatchEvent(new CustomEvent('towpath-conversation', { detail: made.id, bubbles: true, composed: true }));
      return true;
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
      this.waiting = null;
      this.composer.restore(said.text);
      return false;
    } finally {
      this.connecting = false;
    }
  }

  private onRefused(refused: Refused): void {
    this.refused = refused;
    if (this.waiting !== null) this.composer.restore(this.waiting.text);
    this.waiting = null;
    for (const plan of this.renderRoot.querySelectorAll<TpPlan>('tp-plan')) plan.release();
  }

  private frame(frame: ClientFrame): void {
    this.refused = null;
    this.atEnd = true;
    this.topic?.send(frame);
  }

  private async cancelRun(run: string): Promise<void> {
    try {
      await this.server.post(`/runs/${segment(run)}/cancel`);
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private open(path: string): void {
    const event = new CustomEvent('towpath-open', { detail: path, bubbles: true, composed: true, cancelable: true });
    if (this.dispatchEvent(event)) globalThis.open(`${this.base}${path}`, '_blank', 'noopener');
  }

  private readonly scrolled = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    this.atEnd = scrollHeight - scrollTop - clientHeight < 80;
  };

  private readonly showConnect = (): void => {
    this.connectOpen = true;
  };

  private acts(): Acts {
    return {
      say: this.say,
      confirmAction: (action_id) => this.frame({ type: 'confirm_action', action_id }),
      dismissAction: (action_id) => this.frame({ type: 'dismiss_action', action_id }),
      addConnection: this.showConnect,
      run: (id) => {
        const run = this.talk.runs[id];
        return run === undefined ? null : this.follower.best(run);
      },
      about: (run) => this.about(run),
      down: this.topic !== null && this.topic.link !== 'live',
      working: this.talk.working,
    };
  }

  /** The name and read modes of a run, from the plan that started it. */
  private about(run: string): { heading: string; reads: readonly string[] } {
    const plan = this.talk.items.find((i): i is Extract<Item, { kind: 'plan' }> => i.kind === 'plan' && i.state.is === 'confirmed' && i.state.run === run);
    return plan === undefined ? { heading: '', reads: [] } : { heading: plan.view.name, reads: plan.view.streams.map((s) => s.read) };
  }

  protected override render(): unknown {
    const acts = this.acts();
    const { items, working } = this.talk;
    return html`
      ${this.connectionLine()}
      <div class="list" @scroll=${this.scrolled} @plan-confirm=${(e: CustomEvent<PlanConfirmed>) => this.frame({ type: 'confirm', plan_id: e.detail.plan, digest: e.detail.digest, acknowledged: e.detail.acknowledged })}
        @plan-dismiss=${(e: CustomEvent<string>) => this.frame({ type: 'dismiss', plan_id: e.detail })} @say=${(e: CustomEvent<string>) => this.say(e.detail)}
        @run-cancel=${(e: CustomEvent<string>) => this.cancelRun(e.detail)} @open-run=${(e: CustomEvent<string>) => this.open(`/runs/${e.detail}`)}
        @ask-run=${(e: CustomEvent<string>) => this.say('Why did this run fail?', [{ kind: 'run', run: e.detail }])}>
        <div class="inner">
          ${this.beginning()}
          ${items.map((item) => itemView(item, acts))}
          ${this.waiting === null ? nothing : html`<div class="said"><div class="bubble waiting">${this.waiting.text}</div></div>`}
          ${working && !isStreaming(items) ? html`<div class="dots" aria-hidden="true"><i></i><i></i><i></i></div>` : nothing}
        </div>
      </div>
      <div class="visually-hidden" role="status">${announcement(this.talk)}</div>
      <div class="below">${this.atEnd || items.length === 0 ? nothing : html`<button class="newest" @click=${() => { this.atEnd = true; this.requestUpdate(); }}>${icon('down', 16)}Newest</button>`}<div>
        ${troubleNote(this.trouble)}
        ${this.refused === null ? nothing : html`<div class="note bad" role="alert"><strong>${inline(this.refused.message)}</strong> ${inline(this.refused.suggestion ?? '')}</div>`}
        ${this.planBar()}
        <tp-composer .client=${this.server} .working=${working || this.connecting} @say=${(e: CustomEvent<Said>) => this.send(e.detail)} @stop=${() => this.frame({ type: 'cancel_turn' })} @add-connection=${this.showConnect}></tp-composer>
      </div></div>
      ${this.connectOpen ? html`<tp-add-connection .client=${this.server} @tp-close=${() => { this.connectOpen = false; }} @connection-added=${() => { void exampleAsks(this.server).then((asks) => { this.asks = asks; }); }}></tp-add-connection>` : nothing}`;
  }

  private beginning(): View {
    if (this.talk.seq > 0 || this.waiting !== null) return nothing;
    if (this.topic !== null && this.topic.link === 'connecting') return loading('the conversation');
    return html`<section class="welcome"><h2>What data should move, and where to?</h2>
      <p class="quiet">Say it in plain words. You get a plan to check first; nothing moves before you confirm it.</p>
      <div class="asks" role="group" aria-label="Examples">${this.asks.map((ask) => html`<button @click=${() => this.say(ask)}>${ask}</button>`)}</div></section>`;
  }

  private connectionLine(): View {
    if (this.topic === null || (this.topic.link !== 'reconnecting' && this.topic.link !== 'offline')) return nothing;
    const offline = this.topic.link === 'offline';
    return html`<div class="line ${offline ? 'offline' : ''}" role="status">${offline ? 'The server does not answer. What you see is as of the last contact.' : 'Connection lost. Reconnecting…'}
      ${offline ? html`<button class="link" @click=${this.topic.hurry}>Try now</button>` : nothing}</div>`;
  }

  /** Always within reach of the keyboard, wherever the plan itself has scrolled to. */
  private planBar(): View {
    const plan = pendingPlan(this.talk);
    if (plan === null || this.talk.working) return nothing;
    return html`<div class="waits note warn"><span>A plan waits for your yes.</span><button class="link review" @click=${() => this.review(plan.plan)}>Go to the plan</button></div>`;
  }

  private review(id: string): void {
    const card = [...this.renderRoot.querySelectorAll<TpPlan>('tp-plan')].find((p) => p.plan === id);
    card?.enter();
  }
}

function isStreaming(items: readonly Item[]): boolean {
  const last = items.at(-1);
  return last?.kind === 'agent' && !last.ended;
}

