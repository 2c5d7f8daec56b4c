/**
 * Adds a connection, or changes one. Credentials are typed here and nowhere else: the fields are masked, they travel
 * to the server once, and they are never read back.
 */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { fieldsOf, type Field } from '../form/schema.ts';
import { asTrouble, segment, type Client, type Trouble } from '../rest/client.ts';
import type { CheckAnswer, Connection, Connector } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { connectorIcon, icon } from '../ui/icon.ts';
import { loading, troubleNote, type View } from '../ui/show.ts';
import '../ui/dialog.ts';
import './connector-list.ts';
import './schema-form.ts';
import type { TpSchemaForm } from './schema-form.ts';

type Step =
  | { readonly is: 'choose' }
  | { readonly is: 'fill'; readonly connector: Connector }
  | { readonly is: 'added'; readonly connection: string; readonly check: CheckAnswer | null };

/** Fires `connection-added` (detail: its name) and `tp-close`. */
@customElement('tp-add-connection')
export class TpAddConnection extends LitElement {
  static override styles = [base, controls, surfaces, css`
    .stack { display: grid; gap: var(--tp-3); }
    .chosen { display: flex; align-items: center; gap: var(--tp-2); }
    .field { display: grid; gap: 0.25rem; }
  `];

  @property({ attribute: false }) client!: Client;
  /** The connection to change; absent to add one. */
  @property({ attribute: false }) existing: Connection | null = null;
  @property({ attribute: false }) connector: Connector | null = null;
  @state() private step: Step = { is: 'choose' };
  @state() private fields: readonly Field[] = [];
  @state() private name = '';
  @state() private busy = false;
  @state() private trouble: Trouble | null = null;
  @query('tp-schema-form') private form!: TpSchemaForm;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.connector !== null) void this.choose(this.connector);
    else if (this.existing !== null) void this.edit(this.existing);
  }

  private async edit(existing: Connection): Promise<void> {
    this.name = existing.name;
    try {
      this.choose(await this.client.get<Connector>(`/connectors/${segment(existing.connector)}`));
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private async choose(connector: Connector): Promise<void> {
    this.trouble = null;
    let full = connector;
    if (connector.config_schema == null) {
      try {
        full = await this.client.get<Connector>(`/connectors/${segment(connector.id)}`);
      } catch (thrown) {
        this.trouble = asTrouble(thrown);
        return;
      }
    }
    this.fields = fieldsOf(full.config_schema, full.secret_fields ?? []);
    this.step = { is: 'fill', connector: full };
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLInputElement>('#name')?.focus());
  }

  private async save(connector: Connector): Promise<void> {
    const read = this.form.read();
    const name = this.name.trim();
    if (name === '') {
      this.renderRoot.querySelector<HTMLInputElement>('#name')?.focus();
      return;
    }
    if (!read.ok) return;
    this.busy = true;
    this.trouble = null;
    const { config, secrets } = read;
    try {
      if (this.existing === null) await this.client.post('/connections', { name, connector: connector.id, config, secrets });
      else await this.client.patch(`/connections/${segment(this.existing.name)}`, { name, config, ...(Object.keys(secrets).length > 0 ? { secrets } : {}) });
      this.form.forget();
      this.step = { is: 'added', connection: name, check: null };
      this.dispatchEvent(new CustomEvent('connection-added', { detail: name, bubbles: true, composed: true }));
      await this.check(name);
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    } finally {
      this.busy = false;
    }
  }

  private async check(name: string): Promise<void> {
    const check = await this.client.post<CheckAnswer>(`/connections/${segment(name)}/check`);
    this.step = { is: 'added', connection: name, check };
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent('tp-close'));
  }

  protected override render(): unknown {
    const heading = this.existing === null ? 'Add a connection' : `Change ${this.existing.name}`;
    return html`<tp-dialog open heading=${heading} @tp-close=${this.close}>${this.body()}${this.actions()}</tp-dialog>`;
  }

  private body(): View {
    const { step } = this;
    switch (step.is) {
      case 'choose':
        return this.existing !== null
          ? html`${troubleNote(this.trouble)}${this.trouble === null ? loading('the settings') : nothing}`
          : html`<div class="stack">${troubleNote(this.trouble)}<p class="small quiet">Which system is it?</p><tp-connector-list .client=${this.client} @choose-connector=${(e: CustomEvent<Connector>) => this.choose(e.detail)}></tp-connector-list></div>`;
      case 'fill':
        return html`<form class="stack" @submit=${(e: SubmitEvent) => { e.preventDefault(); void this.save(step.connector); }}>
          <div class="chosen">${connectorIcon(step.connector.id)}<strong>${step.connector.name}</strong>${this.existing === null && this.connector === null ? html`<button type="button" class="link small" @click=${() => { this.step = { is: 'choose' }; }}>Choose another</button>` : nothing}</div>
          <div class="field"><label for="name">Name in this workspace</label><input id="name" required autocomplete="off" autocapitalize="off" spellcheck="false" placeholder="shop_${step.connector.id}" .value=${this.name} @input=${(e: Event) => { this.name = (e.target as HTMLInputElement).value; }} />
            <span class="tiny quiet">What you will call it in the chat.</span></div>
          <tp-schema-form .fields=${this.fields} .config=${this.existing?.config ?? null} ?editing=${this.existing !== null} @keydown=${(e: KeyboardEvent) => this.enter(e, step.connector)}></tp-schema-form>
          <p class="tiny quiet row" style="flex-wrap:nowrap">${icon('shield', 15)}<span>Passwords and keys are stored encrypted. They are never shown again, and never enter the chat or a model.</span></p>
          ${troubleNote(this.trouble)}
        </form>`;
      case 'added':
        return html`<div class="stack" role="status">${step.check === null
          ? html`<p>${troubleNote(this.trouble)}<code>${step.connection}</code> is kept. ${this.trouble === null ? 'Checking that it answers…' : nothing}</p>`
          : step.check.state === 'ok'
            ? html`<div class="note good"><strong><code>${step.connection}</code> answers${step.check.milliseconds == null ? '' : ` in ${step.check.milliseconds} ms`}.</strong> ${step.check.message ? inline(step.check.message) : nothing}</div>`
            : html`<div class="note bad"><strong><code>${step.connection}</code> is kept, but it does not answer.</strong> ${inline(step.check.message ?? '')} ${inline(step.check.hint ?? '')}</div>`}</div>`;
    }
  }

  /** Enter in a field of the form saves, as in any form; the fields live in a shadow root of their own. */
  private enter(event: KeyboardEvent, connector: Connector): void {
    const target = event.composedPath()[0];
    if (event.key === 'Enter' && target instanceof HTMLInputElement && target.type !== 'checkbox') void this.save(connector);
  }

  private actions(): View {
    const { step } = this;
    if (step.is === 'choose') return nothing;
    if (step.is === 'added') return html`<button slot="actions" class="primary" @click=${this.close}>Done</button>`;
    return html`<button slot="actions" @click=${this.close}>Cancel</button><button slot="actions" class="primary" ?disabled=${this.busy} @click=${() => this.save(step.connector)}>${this.busy ? 'Saving…' : 'Save and check'}</button>`;
  }
}
