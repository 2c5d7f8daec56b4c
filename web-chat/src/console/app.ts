/** The page: signs in, reads the address, shows the view for it, and keeps the chat at hand beside every view. */
import { LitElement, html, nothing } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type { TowpathChat } from '../chat/towpath-chat.ts';
import type { Said } from '../chat/composer.ts';
import { Client, asTrouble, segment, type Trouble } from '../rest/client.ts';
import type { Session } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { brand, icon } from '../ui/icon.ts';
import { emptyState, troubleNote, type View } from '../ui/show.ts';
import { appStyle } from './app-style.ts';
import { emptyStyle } from './view-style.ts';
import { navigate, ownLink, parseRoute, type Route } from './router.ts';
import { applyTheme, isDark, recall, remember, savedTheme, type Theme } from './theme.ts';
import './chat-view.ts';
import type { TpChatPage } from './chat-view.ts';
import './connections-view.ts';
import './history-view.ts';
import './home-view.ts';
import './pipeline-view.ts';
import './pipelines-view.ts';
import './runs-view.ts';
import './runtimes-view.ts';
import './sign-in.ts';

const NAV: readonly (readonly [path: string, text: string, glyph: string, views: readonly Route['view'][]])[] = [
  ['/chat', 'Chat', 'chat', ['chat']],
  ['/pipelines', 'Pipelines', 'pipeline', ['pipelines', 'pipeline']],
  ['/connections', 'Connections', 'link', ['connections']],
  ['/runs', 'Runs', 'list', ['runs']],
  ['/runtime-environments', 'Runtimes', 'server', ['runtimes']],
  ['/job-history', 'History', 'clock', ['history']],
];
const PANEL = 'towpath.panel';
const TALK = 'towpath.conversation';

@customElement('towpath-app')
export class TowpathApp extends LitElement {
  static override styles = [base, controls, surfaces, emptyStyle, appStyle];

  @state() private session: Session | 'asking' | null = 'asking';
  @state() private trouble: Trouble | null = null;
  @state() private route: Route = parseRoute(location.pathname, location.search);
  @state() private panel = recall(PANEL) === 'open';
  @state() private talk = recall(TALK) ?? '';
  @state() private theme: Theme = savedTheme();
  @query('.panel towpath-chat') private chat!: TowpathChat | null;
  @query('tp-chat-page') private chatPage!: TpChatPage | null;
  private readonly client = new Client();

  override connectedCallback(): void {
    super.connectedCallback();
    applyTheme(this.theme);
    this.client.onSignedOut = () => { this.session = null; };
    globalThis.addEventListener('popstate', this.routed);
    globalThis.addEventListener('towpath-route', this.routed);
    void this.enter();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    globalThis.removeEventListener('popstate', this.routed);
    globalThis.removeEventListener('towpath-route', this.routed);
  }

  private readonly routed = (): void => {
    const before = this.route.view;
    this.route = parseRoute(location.pathname, location.search);
    if (this.route.view === 'chat' && this.route.id !== null) this.keepTalk(this.route.id);
    document.title = this.heading();
    if (before === this.route.view) return;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
  };

  /** Spends the token of a printed address, takes it out of the address bar, and asks who we are. */
  private readonly enter = async (): Promise<void> => {
    const url = new URL(location.href);
    const token = url.searchParams.get('token');
    this.trouble = null;
    try {
      if (token !== null) {
        url.searchParams.delete('token');
        history.replaceState(null, '', url.pathname + url.search);
        await this.client.post('/session', { token });
      }
      this.session = await this.client.get<Session>('/session');
      this.routed();
    } catch (thrown) {
      const trouble = asTrouble(thrown);
      if (token !== null && trouble.signedOut) await this.already(trouble);
      else if (trouble.signedOut) this.session = null;
      else this.trouble = trouble;
    }
  };

  /** A spent token does no harm to whoever is signed in already. */
  private async already(spent: Trouble): Promise<void> {
    try {
      this.session = await this.client.get<Session>('/session');
      this.routed();
    } catch {
      this.session = null;
      this.trouble = spent;
    }
  }

  private heading(): string {
    const text = NAV.find(([, , , views]) => views.includes(this.route.view))?.[1];
    return text === undefined ? 'Towpath' : `${text} · Towpath`;
  }

  private keepTalk(id: string): void {
    this.talk = id;
    remember(TALK, id === '' ? null : id);
  }

  private togglePanel(open = !this.panel): void {
    this.panel = open;
    remember(PANEL, open ? 'open' : null);
    if (open) void this.updateComplete.then(() => this.chat?.focus());
  }

  private clicked(event: MouseEvent): void {
    const path = ownLink(event);
    if (path === null) return;
    event.preventDefault();
    if (matchMedia('(max-width: 820px)').matches) this.panel = false;
    navigate(path);
  }

  /** Something said from a page: it opens a new talk. */
  private async ask(said: Said, where: 'page' | 'panel'): Promise<void> {
    if (this.route.view === 'chat' || where === 'page') {
      navigate('/chat');
      await this.updateComplete;
      await this.chatPage?.updateComplete;
      if (said.text === '') this.chatPage?.chat.focus();
      else this.chatPage?.chat.say(said.text, said.attachments);
      return;
    }
    this.keepTalk('');
    this.togglePanel(true);
    await this.updateComplete;
    await this.chat?.updateComplete;
    if (said.text !== '') this.chat?.say(said.text, said.attachments);
  }

  private switchTheme(): void {
    this.theme = isDark(this.theme) ? 'light' : 'dark';
    applyTheme(this.theme);
  }

  private async signOut(): Promise<void> {
    try {
      await this.client.delete('/session');
      this.session = null;
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  protected override render(): unknown {
    if (this.session === null) return html`<tp-sign-in .client=${this.client} .trouble=${this.trouble} @signed-in=${this.enter}></tp-sign-in>`;
    if (this.session === 'asking') return html`<div class="wait">${troubleNote(this.trouble, () => void this.enter())}${this.trouble === null ? 'Opening Towpath…' : nothing}</div>`;
    const onChat = this.route.view === 'chat';
    return html`<a class="skip" href="#main" @click=${(e: MouseEvent) => { e.preventDefault(); this.renderRoot.querySelector<HTMLElement>('main')?.focus(); }}>Skip to the content</a>
      ${this.header(this.session, onChat)}
      <div class="body ${this.panel && !onChat ? 'with-panel' : ''}" @click=${this.clicked} @towpath-open=${(e: CustomEvent<string>) => { e.preventDefault(); navigate(e.detail); }}
        @towpath-ask=${(e: CustomEvent<{ text: string; run: string | null }>) => this.ask({ text: e.detail.text, attachments: e.detail.run === null ? [] : [{ kind: 'run', run: e.detail.run }] }, 'panel')}
        @towpath-say=${(e: CustomEvent<Said>) => this.ask(e.detail, 'page')}>
        <main id="main" tabindex="-1">${troubleNote(this.trouble)}${this.view()}</main>
        ${this.panel && !onChat ? this.side() : nothing}
      </div>`;
  }

  private header(session: Session, onChat: boolean): View {
    const builtin = session.model.kind === 'builtin';
    return html`<header @click=${this.clicked}><a class="brand" href="/">${brand(26)}<span>Towpath</span></a>
      <nav aria-label="Main">${NAV.map(([path, text, glyph, views]) => html`<a href=${path === '/chat' && this.talk !== '' ? `/chat/${segment(this.talk)}` : path} aria-current=${views.includes(this.route.view) ? 'page' : nothing}>${icon(glyph, 20)}${text}</a>`)}</nav>
      <div class="right"><span class="model" title=${builtin ? 'Answers come from the planner inside the server: no key, no network' : `Answers come from ${session.model.name}`}>${builtin ? 'built-in planner' : session.model.name}</span>
        <button class="bare icon" aria-label="Use ${isDark(this.theme) ? 'light' : 'dark'} colours" title="Light or dark" @click=${this.switchTheme}>${icon(isDark(this.theme) ? 'sun' : 'moon')}</button>
        <button class="bare" title="Signed in as ${session.actor}" @click=${this.signOut}>Sign out</button>
        ${onChat ? nothing : html`<button class="chat-toggle" aria-expanded=${this.panel} @click=${() => this.togglePanel()}>${icon('chat', 17)}Ask</button>`}</div></header>`;
  }

  private side(): View {
    return html`<aside class="panel" aria-label="Chat"><div class="panel-head"><strong>Chat</strong><div class="row">
        <button class="bare icon" aria-label="New chat" title="New chat" @click=${() => { this.keepTalk(''); this.chat?.focus(); }}>${icon('plus')}</button>
        <button class="bare icon" aria-label="Close the chat" title="Close" @click=${() => { this.togglePanel(false); this.renderRoot.querySelector<HTMLElement>('.chat-toggle')?.focus(); }}>${icon('close')}</button></div></div>
      <towpath-chat .client=${this.client} .conversation=${this.talk} @towpath-conversation=${(e: CustomEvent<string>) => this.keepTalk(e.detail)}></towpath-chat></aside>`;
  }

  private view(): View {
    const { client, route } = this;
    switch (route.view) {
      case 'home': return html`<tp-home .client=${client}></tp-home>`;
      case 'chat': return html`<tp-chat-page .client=${client} .conversation=${route.id ?? ''}></tp-chat-page>`;
      case 'pipelines': return html`<tp-pipelines .client=${client}></tp-pipelines>`;
      case 'pipeline': return html`<tp-pipeline-page .client=${client} .pipelineId=${route.id}></tp-pipeline-page>`;
      case 'connections': return html`<tp-connections .client=${client}></tp-connections>`;
      case 'runs': return html`<tp-runs .client=${client} .runId=${route.id ?? ''} .pipelineId=${route.pipeline ?? ''}></tp-runs>`;
      case 'runtimes': return html`<tp-runtimes .client=${client}></tp-runtimes>`;
      case 'history': return html`<tp-history .client=${client}></tp-history>`;
      case 'unknown': return emptyState('warning', 'There is no such page', html`Nothing is at <code>${route.path}</code>.`, html`<a class="button" href="/">Go to the start</a>`);
    }
  }
}
