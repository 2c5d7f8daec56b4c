/** The chat as a page of its own, with the talks beside it. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import '../chat/towpath-chat.ts';
import type { TowpathChat } from '../chat/towpath-chat.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { ConversationSummary, List } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { ago } from '../text/format.ts';
import { icon } from '../ui/icon.ts';
import { Loader } from '../ui/loader.ts';
import { troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';
import { navigate } from './router.ts';

@customElement('tp-chat-page')
export class TpChatPage extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: grid; grid-template-columns: 16rem minmax(0, 1fr); height: 100%; min-height: 0; }
    aside { border-inline-end: 1px solid var(--tp-line); overflow: auto; padding: var(--tp-3); display: flex; flex-direction: column; gap: var(--tp-2); background: var(--tp-surface); }
    .talk { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-radius: var(--tp-radius-s); }
    .talk:hover, .talk[data-current] { background: var(--tp-sunken); }
    .talk a { color: var(--tp-ink); text-decoration: none; padding: var(--tp-2); display: grid; min-width: 0; }
    .talk span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: var(--tp-text-s); }
    .talk .when { font-size: var(--tp-text-xs); color: var(--tp-ink-2); }
    .talk button { opacity: 0; } .talk:hover button, .talk:focus-within button { opacity: 1; }
    .main { min-height: 0; display: flex; flex-direction: column; }
    .tools { display: none; padding: var(--tp-1) var(--tp-3); border-bottom: 1px solid var(--tp-line); gap: var(--tp-2); background: var(--tp-surface); }
    towpath-chat { flex: 1; }
    @media (max-width: 820px) { :host { grid-template-columns: minmax(0, 1fr); } aside { display: none; } aside.shown { display: flex; } .shown + .main towpath-chat { display: none; } :host(:has(.shown)) { grid-template-rows: auto; } .tools { display: flex; } }
  `];

  @property({ attribute: false }) client!: Client;
  @property() conversation = '';
  @state() private listed = false;
  @state() private deleting: ConversationSummary | null = null;
  @state() private trouble: Trouble | null = null;
  @query('towpath-chat') readonly chat!: TowpathChat;
  private readonly talks = new Loader(this, () => this.client.get<List<ConversationSummary>>('/conversations', { limit: 60 }), () => 15_000);

  private made(event: CustomEvent<string>): void {
    navigate(`/chat/${segment(event.detail)}`, 'replace');
    setTimeout(() => void this.talks.load(), 1200); // by then it has its title
  }

  private async discard(talk: ConversationSummary): Promise<void> {
    this.deleting = null;
    try {
      await this.client.delete(`/conversations/${segment(talk.id)}`);
      if (talk.id === this.conversation) navigate('/chat');
      await this.talks.load();
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private start(): void {
    this.listed = false;
    navigate('/chat');
    void this.updateComplete.then(() => this.chat.focus());
  }

  protected override render(): unknown {
    return html`<aside class=${this.listed ? 'shown' : ''} aria-label="Talks"><button @click=${this.start}>${icon('plus', 16)}New chat</button>
        ${troubleNote(this.trouble)}${troubleNote(this.talks.trouble, () => void this.talks.load())}
        ${this.talks.value?.items.length === 0 ? html`<p class="small quiet">Your talks are kept here.</p>` : nothing}
        ${this.talks.value?.items.map((t) => this.talk(t))}</aside>
      <div class="main"><div class="tools"><button class="bare" aria-expanded=${this.listed} @click=${() => { this.listed = !this.listed; }}>${icon('list', 16)}Talks</button><button class="bare" @click=${this.start}>${icon('plus', 16)}New chat</button></div>
        <towpath-chat .client=${this.client} .conversation=${this.conversation} @towpath-conversation=${this.made}></towpath-chat></div>
      ${this.deleting === null ? nothing : html`<tp-dialog open heading="Delete this talk?" @tp-close=${() => { this.deleting = null; }}>
        <p><strong>${this.deleting.title || 'Untitled'}</strong> is removed. Pipelines that came from it stay.</p>
        <button slot="actions" @click=${() => { this.deleting = null; }}>Keep it</button><button slot="actions" class="danger" @click=${() => this.deleting !== null && this.discard(this.deleting)}>Delete the talk</button></tp-dialog>`}`;
  }

  private talk(t: ConversationSummary): View {
    const title = t.title || 'Untitled';
    return html`<div class="talk" ?data-current=${t.id === this.conversation}><a href="/chat/${segment(t.id)}" aria-current=${t.id === this.conversation ? 'page' : nothing} @click=${() => { this.listed = false; }}><span>${title}</span><span class="when">${t.pending_plan ? 'plan waits · ' : ''}${ago(t.updated_at)}</span></a>
      <button class="bare icon" aria-label="Delete ${title}" @click=${() => { this.deleting = t; }}>${icon('trash', 15)}</button></div>`;
  }
}
