/** What each thing in a conversation looks like. */
import { html, nothing } from 'lit';
import type { Item } from '../fold.ts';
import type { RunState } from '../fold-run.ts';
import { inline, markdown } from '../text/markdown.ts';
import { icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';
import { attachmentText } from './attachment-text.ts';
import { plainView } from './tool-views.ts';
import '../cards/plan-card.ts';
import '../cards/run-card.ts';
import '../cards/receipt-card.ts';
import '../cards/diagnosis-card.ts';
import './tool-line.ts';

/** What an item may do when it is acted on. */
export interface Acts {
  readonly say: (text: string) => void;
  readonly confirmAction: (id: string) => void;
  readonly dismissAction: (id: string) => void;
  readonly addConnection: () => void;
  readonly run: (id: string) => RunState | null;
  readonly about: (run: string) => { readonly heading: string; readonly reads: readonly string[] };
  readonly down: boolean;
  readonly working: boolean;
}

type Of<K extends Item['kind']> = Extract<Item, { kind: K }>;
type Renderers = { readonly [K in Item['kind']]: (item: Of<K>, acts: Acts) => View };

const RENDER: Renderers = {
  user: (i) => html`<div class="said"><div class="bubble">${i.text}</div>${i.attachments.length === 0 ? nothing : html`<div class="attached">${i.attachments.map((a) => html`<span class="chip accent">${icon('attach', 12)}${attachmentText(a)}</span>`)}</div>`}</div>`,
  agent: (i) => html`<div class="answer ${i.ended ? '' : 'streaming'}">${markdown(i.text)}</div>`,
  tools: (i) => html`<tp-tools .calls=${i.calls}></tp-tools>`,
  question,
  plan: (i, acts) => html`<tp-plan .plan=${i.plan} .digest=${i.digest} .view=${i.view} .state=${i.state} .offline=${acts.down}></tp-plan>`,
  rejected: (i) => html`<div class="note warn block"><strong>${i.problems.length === 1 ? 'This stands in the way of the plan' : `${i.problems.length} things stand in the way of the plan`}</strong>
    <ul>${i.problems.map((p) => html`<li>${inline(p.message)}${p.suggestion ? html` <span class="next">${inline(p.suggestion)}</span>` : nothing}</li>`)}</ul></div>`,
  redacted: (i, acts) => html`<div class="note info block">${icon('shield', 16)} <strong>Secret removed.</strong> ${inline(i.text)} <button class="link" @click=${acts.addConnection}>Add a connection</button></div>`,
  diagnosis: (i) => html`<tp-diagnosis .causes=${i.causes}></tp-diagnosis>`,
  action,
  out_of_scope: (i) => html`<div class="note block">${inline(i.text)}</div>`,
  run: (i, acts) => {
    const run = acts.run(i.run);
    if (run === null) return nothing;
    const { heading, reads } = acts.about(i.run);
    return html`<tp-run .run=${run} .heading=${heading} .reads=${reads}></tp-run>${run.receipt == null ? nothing : html`<tp-receipt .receipt=${run.receipt}></tp-receipt>`}`;
  },
  turn: (i) => i.outcome === 'cancelled'
    ? html`<p class="small quiet">${i.message ?? 'Stopped.'}</p>`
    : html`<div class="note bad block" role="alert"><strong>The answer could not be finished.</strong> ${inline(i.message ?? 'Say it again, or look at the server’s log.')}</div>`,
};

function question(i: Of<'question'>, acts: Acts): View {
  const wantsConnection = i.about.endsWith('.connection');
  return html`<div class="ask"><div class="answer">${markdown(i.text)}</div>
    ${i.options.length === 0 && !wantsConnection ? nothing : html`<div class="options" role="group" aria-label="Answers">
      ${i.options.map((o) => html`<button ?disabled=${!i.open || acts.working} title=${o.detail ?? nothing} @click=${() => acts.say(o.say)}><span>${o.label}${o.detail ? html`<span class="tiny quiet detail">${o.detail}</span>` : nothing}</span></button>`)}
      ${wantsConnection ? html`<button class="bare" @click=${acts.addConnection}>${icon('plus', 16)}Add connection</button>` : nothing}</div>`}</div>`;
}

function action(i: Of<'action'>, acts: Acts): View {
  const detail = i.view == null ? nothing : html`<details><summary class="small quiet">Details</summary>${plainView(i.view)}</details>`;
  if (i.state !== 'offered') {
    return html`<div class="note block ${i.state === 'done' ? 'good' : ''}">${icon(i.state === 'done' ? 'check' : 'close', 15)} ${inline(i.text)}${i.state === 'declined' ? html` <span class="chip">Declined</span>` : nothing}</div>${i.view == null ? nothing : html`<div class="shown">${plainView(i.view)}</div>`}`;
  }
  return html`<div class="card offered" role="group" aria-label="Offered action"><p>${inline(i.text)}</p>${detail}
    <div class="row"><button class=${i.action.startsWith('delete') ? 'danger' : 'primary'} ?disabled=${acts.down} @click=${() => acts.confirmAction(i.id)}>Yes, ${actionVerb(i.action, i.on)}</button>
      <button ?disabled=${acts.down} @click=${() => acts.dismissAction(i.id)}>No</button></div></div>`;
}

const VERBS: Readonly<Record<string, string>> = {
  stop_run: 'stop it', retry_run: 'run it again', pause_schedule: 'pause it', resume_schedule: 'resume it', delete_requested: 'delete it', delete_pipeline: 'delete it',
};

function actionVerb(action: string, on: string | null): string {
  const verb = VERBS[action] ?? `${action.replaceAll('_', ' ')}`;
  return on === null ? verb : verb.replace(/\bit\b/, on);
}

export function itemView(item: Item, acts: Acts): View {
  const render = RENDER[item.kind] as (item: Item, acts: Acts) => View;
  return render(item, acts);
}
