/** Where a person types. Enter sends, Shift and Enter starts a new line; while an answer is written the button stops it. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { AttachmentView } from '../protocol.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { icon } from '../ui/icon.ts';
import { attachmentText } from './attachment-text.ts';
import './attach-dialog.ts';
import type { Client } from '../rest/client.ts';

export interface Said {
  readonly text: string;
  readonly attachments: readonly AttachmentView[];
}

/** Fires `say` with `Said`, `stop`, and `add-connection`. */
@customElement('tp-composer')
export class TpComposer extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: block; }
    .box { border: 1px solid var(--tp-line-strong); border-radius: var(--tp-radius-l); background: var(--tp-surface); padding: var(--tp-2); display: grid; gap: var(--tp-1); }
    .box:focus-within { outline: 2px solid var(--tp-focus); outline-offset: 1px; }
    textarea { border: 0; padding: var(--tp-1) var(--tp-2); resize: none; min-height: 2.6rem; max-height: 12rem; field-sizing: content; outline: none; background: transparent; }
    textarea:focus-visible { outline: none; }
    .tools { display: flex; align-items: center; gap: var(--tp-1); }
    .tools .bare { color: var(--tp-ink-2); font-weight: 500; }
    .send { border-radius: var(--tp-round); min-width: 2.25rem; min-height: 2.25rem; padding: 0.3rem; margin-inline-start: auto; }
    .chips { display: flex; flex-wrap: wrap; gap: var(--tp-1); padding: var(--tp-1); }
    .chip button { min-height: 0; padding: 0 2px; border: 0; background: none; color: inherit; }
    .chip { max-width: 100%; } .chip span { overflow: hidden; text-overflow: ellipsis; }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ type: Boolean }) working = false;
  @property({ attribute: false }) attachments: readonly AttachmentView[] = [];
  @property() placeholder = 'Say what data should move';
  @state() private draft = '';
  @state() private attaching = false;
  @query('textarea') private area!: HTMLTextAreaElement;

  override focus(): void {
    this.area?.focus();
  }

  /** Puts words back that could not be sent. */
  restore(text: string): void {
    if (this.draft === '') this.draft = text;
  }

  private send(): void {
    const text = this.draft.trim();
    if (text === '' || this.working) return;
    const detail: Said = { text, attachments: this.attachments };
    this.dispatchEvent(new CustomEvent('say', { detail }));
    this.draft = '';
    this.attachments = [];
  }

  private typed(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  }

  protected override render(): unknown {
    return html`<form class="box" @submit=${(e: SubmitEvent) => { e.preventDefault(); this.send(); }}>
      ${this.attachments.length === 0 ? nothing : html`<div class="chips">${this.attachments.map((a) => html`<span class="chip accent"><span>${attachmentText(a)}</span>
        <button type="button" aria-label="Remove ${attachmentText(a)}" @click=${() => { this.attachments = this.attachments.filter((b) => b !== a); }}>${icon('close', 12)}</button></span>`)}</div>`}
      <textarea rows="1" aria-label="Message" placeholder=${this.placeholder} .value=${this.draft} @input=${() => { this.draft = this.area.value; }} @keydown=${this.typed}></textarea>
      <div class="tools">
        <button type="button" class="bare" @click=${() => { this.attaching = true; }}>${icon('attach', 16)}Attach</button>
        <button type="button" class="bare" title="Credentials belong in this form, not in the chat" @click=${() => this.dispatchEvent(new CustomEvent('add-connection', { bubbles: true, composed: true }))}>${icon('key', 16)}Add connection</button>
        ${this.working
          ? html`<button type="button" class="send" aria-label="Stop generating" title="Stop generating" @click=${() => this.dispatchEvent(new CustomEvent('stop'))}>${icon('stop')}</button>`
          : html`<button type="submit" class="send primary" aria-label="Send" title="Send" ?disabled=${this.draft.trim() === ''}>${icon('send')}</button>`}
      </div>
    </form>
    ${this.attaching ? html`<tp-attach open .client=${this.client} @tp-close=${() => { this.attaching = false; }}
      @attach=${(e: CustomEvent<AttachmentView>) => { this.attaching = false; this.attachments = [...this.attachments, e.detail]; this.focus(); }}></tp-attach>` : nothing}`;
  }
}
