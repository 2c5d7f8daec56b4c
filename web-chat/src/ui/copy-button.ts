import { LitElement, html } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { base, controls } from '../style/base.ts';
import { icon } from './icon.ts';
import { copyText } from './show.ts';

/** Copies `text`, and says that it did. */
@customElement('tp-copy')
export class TpCopy extends LitElement {
  static override styles = [base, controls];
  @property() text = '';
  @property() label = 'Copy';
  @state() private said: string | null = null;

  private async copy(): Promise<void> {
    this.said = (await copyText(this.text)) ? 'Copied' : 'Copying is blocked; select the text';
    setTimeout(() => { this.said = null; }, 2000);
  }

  protected override render(): unknown {
    return html`<button class="bare" @click=${this.copy}>${icon(this.said === 'Copied' ? 'check' : 'copy', 16)}<span aria-live="polite">${this.said ?? this.label}</span></button>`;
  }
}
