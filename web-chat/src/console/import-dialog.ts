/** Brings pipelines in from an export. Each becomes a plan that waits for its own yes. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import '../cards/plan-card.ts';
import type { PlanConfirmed } from '../cards/plan-card.ts';
import type { PlanState } from '../fold.ts';
import { Trouble, asTrouble, segment, type Client } from '../rest/client.ts';
import type { ImportAnswer } from '../rest/types.ts';
import { base, controls, surfaces } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import { troubleNote } from '../ui/show.ts';
import '../ui/dialog.ts';

@customElement('tp-import')
export class TpImport extends LitElement {
  static override styles = [base, controls, surfaces, css`.stack { display: grid; gap: var(--tp-3); } tp-dialog { --tp-dialog-width: 48rem; }`];
  @property({ attribute: false }) client!: Client;
  @state() private answer: ImportAnswer | null = null;
  @state() private states: Readonly<Record<string, PlanState>> = {};
  @state() private trouble: Trouble | null = null;

  private async chosen(event: Event): Promise<void> {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file === undefined) return;
    this.trouble = null;
    try {
      const document = JSON.parse(await file.text()) as unknown;
      this.answer = await this.client.post<ImportAnswer>('/pipelines/import', document);
    } catch (thrown) {
      this.trouble = thrown instanceof SyntaxError ? new Trouble('not_json', `\`${file.name}\` is not JSON.`, 'Choose a file that Export made.') : asTrouble(thrown);
    }
  }

  private async confirm({ plan, digest, acknowledged }: PlanConfirmed): Promise<void> {
    try {
      const made = await this.client.post<{ pipeline: string | { id: string } }>(`/plans/${segment(plan)}/confirm`, { digest, acknowledged, run: false });
      const pipeline = typeof made.pipeline === 'string' ? made.pipeline : made.pipeline.id;
      this.states = { ...this.states, [plan]: { is: 'confirmed', by: 'you', pipeline, run: null } };
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  private async dismiss(plan: string): Promise<void> {
    try {
      await this.client.post(`/plans/${segment(plan)}/dismiss`);
      this.states = { ...this.states, [plan]: { is: 'dismissed' } };
    } catch (thrown) {
      this.trouble = asTrouble(thrown);
    }
  }

  protected override render(): unknown {
    const close = (): boolean => this.dispatchEvent(new CustomEvent('tp-close'));
    return html`<tp-dialog open heading="Import pipelines" @tp-close=${close}>
      <div class="stack" @plan-confirm=${(e: CustomEvent<PlanConfirmed>) => this.confirm(e.detail)} @plan-dismiss=${(e: CustomEvent<string>) => this.dismiss(e.detail)}>
        ${troubleNote(this.trouble)}
        ${this.answer === null
          ? html`<p>Choose a file that Export made, here or in another workspace. The connections that it names must exist in this one.</p><label>File<input type="file" accept="application/json,.json" @change=${this.chosen} /></label>`
          : this.answer.plans.map((p) => 'problems' in p
            ? html`<div class="note warn">${p.problems.map((one) => html`<div>${inline(one.message)} ${one.suggestion ? inline(one.suggestion) : nothing}</div>`)}</div>`
            : html`<tp-plan .plan=${p.plan} .digest=${p.digest} .view=${p.view} .state=${this.states[p.plan] ?? { is: 'proposed' }} keep></tp-plan>`)}
      </div>
      <button slot="actions" @click=${close}>Done</button>
    </tp-dialog>`;
  }
}
