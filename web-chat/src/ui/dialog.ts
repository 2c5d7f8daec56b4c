/**
 * A modal dialog. The platform's own keeps the focus inside, closes on Escape and makes the page behind it inert; this
 * adds the heading, the close button, and the focus going back to where it came from.
 */
import { LitElement, css, html } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { base, controls } from '../style/base.ts';
import { icon } from './icon.ts';

@customElement('tp-dialog')
export class TpDialog extends LitElement {
  static override styles = [base, controls, css`
    dialog { border: 1px solid var(--tp-line); border-radius: var(--tp-radius-l); background: var(--tp-surface); color: var(--tp-ink); box-shadow: var(--tp-shadow-l); padding: 0; width: min(var(--tp-dialog-width, 34rem), calc(100vw - 2rem)); max-height: min(46rem, calc(100dvh - 2rem)); }
    dialog[open] { display: flex; flex-direction: column; }
    dialog::backdrop { background: rgb(8 16 16 / 55%); }
    header { display: flex; align-items: center; justify-content: space-between; gap: var(--tp-3); padding: var(--tp-4) var(--tp-4) var(--tp-2) var(--tp-5); }
    .body { padding: var(--tp-2) var(--tp-5) var(--tp-4); overflow: auto; }
    footer { padding: var(--tp-3) var(--tp-5); border-top: 1px solid var(--tp-line); display: flex; justify-content: flex-end; gap: var(--tp-2); flex-wrap: wrap; }
    footer:not(:has(slot[name='actions'].filled)) { display: none; }
    @media (max-width: 480px) { header, .body, footer { padding-inline: var(--tp-4); } footer { justify-content: stretch; } }
  `];

  @property() heading = '';
  @property({ type: Boolean, reflect: true }) open = false;
  @query('dialog') private dialog!: HTMLDialogElement;
  private opener: HTMLElement | null = null;

  override updated(changed: Map<string, unknown>): void {
    if (!changed.has('open')) return;
    if (this.open && !this.dialog.open) {
      this.opener = deepActive();
      this.dialog.showModal();
    } else if (!this.open && this.dialog.open) {
      this.dialog.close();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    if (this.open) this.opener?.focus();
  }

  private readonly closed = (): void => {
    this.opener?.focus();
    this.opener = null;
    if (!this.open) return;
    this.open = false;
    this.dispatchEvent(new CustomEvent('tp-close'));
  };

  private filled(event: globalThis.Event): void {
    const slot = event.target as HTMLSlotElement;
    slot.classList.toggle('filled', slot.assignedElements().length > 0);
  }

  protected override render(): unknown {
    return html`<dialog aria-labelledby="heading" @close=${this.closed}>
      <header><h2 id="heading">${this.heading}</h2>
        <button class="bare icon" aria-label="Close" @click=${() => this.dialog.close()}>${icon('close')}</button></header>
      <div class="body"><slot></slot></div>
      <footer><slot name="actions" @slotchange=${this.filled}></slot></footer>
    </dialog>`;
  }
}

/** The focused element, through shadow roots. */
export function deepActive(): HTMLElement | null {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active instanceof HTMLElement ? active : null;
}
