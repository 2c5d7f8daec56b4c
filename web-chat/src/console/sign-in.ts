/** Signs in with the one-time token that the server prints when it starts. */
import { LitElement, css, html } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { asTrouble, type Client, type Trouble } from '../rest/client.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { brand } from '../ui/icon.ts';
import { troubleNote } from '../ui/show.ts';

/** Fires `signed-in`. */
@customElement('tp-sign-in')
export class TpSignIn extends LitElement {
  static override styles = [base, controls, surfaces, css`
    :host { display: grid; place-items: center; min-height: 100dvh; padding: var(--tp-4); }
    main { width: min(27rem, 100%); padding: var(--tp-6); display: grid; gap: var(--tp-4); }
    :host p { margin-top: var(--tp-1); } form { display: grid; gap: var(--tp-2); }
    pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: var(--tp-text-xs); }
  `];

  @property({ attribute: false }) client!: Client;
  @property({ attribute: false }) trouble: Trouble | null = null;
  @state() private busy = false;
  private token = '';

  /** Takes a token, or the whole printed address with one in it. */
  private async sign(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const token = /[?&]token=([^&\s]+)/.exec(this.token)?.[1] ?? this.token.trim();
    if (token === '') return;
    this.busy = true;
    this.trouble = null;
    try {
      await this.client.post('/session', { token: decodeURIComponent(token) });
      this.dispatchEvent(new CustomEvent('signed-in'));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
    this.busy = false;
  }

  protected override render(): unknown {
    return html`<main class="card">
      <div class="row">${brand(32)}<strong>Towpath</strong></div>
      <div><h1>Sign in</h1><p class="quiet">The server prints a sign-in address in the terminal where it was started. Open that address, or paste it here.</p></div>
      <pre>http://127.0.0.1:${location.port || '8080'}/?token=…</pre>
      <form @submit=${this.sign}><label for="token">Address or token</label>
        <input id="token" type="password" autocomplete="off" spellcheck="false" autofocus @input=${(e: Event) => { this.token = (e.target as HTMLInputElement).value; }} />
        <button class="primary" ?disabled=${this.busy}>${this.busy ? 'Signing in…' : 'Sign in'}</button></form>
      ${troubleNote(this.trouble)}
      <p class="small quiet">A token works once. If yours was used, start the server again and it prints a new one.</p>
    </main>`;
  }
}
