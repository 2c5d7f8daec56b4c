import { LitElement, css, html } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { base, controls, surfaces } from '../style/base.ts';
import { stopMeanings } from '../text/modes.ts';
import { inline } from '../text/markdown.ts';
import '../ui/dialog.ts';

/** Says what stopping means before it is done. Fires `stop-confirmed` or `tp-close`. */
@customElement('tp-stop')
export class TpStop extends LitElement {
  static override styles = [base, controls, surfaces, css`.list { display: grid; gap: var(--tp-2); margin-top: var(--tp-3); }`];
  @property({ type: Boolean }) open = false;
  @property({ attribute: false }) reads: readonly string[] = [];

  private close(name: string): void {
    this.dispatchEvent(new CustomEvent(name));
  }

  protected override render(): unknown {
    return html`<tp-dialog heading="Stop this run?" .open=${this.open} @tp-close=${() => this.close('tp-close')}>
      <p>The connectors are asked to stop after the batch they hold. What that means depends on how a stream is read:</p>
      <div class="list">${stopMeanings(this.reads).map((m) => html`<div class="note"><strong>${m.title}.</strong> ${inline(m.text)}</div>`)}</div>
      <button slot="actions" @click=${() => this.close('tp-close')}>Keep running</button>
      <button slot="actions" class="danger" @click=${() => this.close('stop-confirmed')}>Stop the run</button>
    </tp-dialog>`;
  }
}
