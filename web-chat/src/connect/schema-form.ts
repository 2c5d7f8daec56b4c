/** The fields of a connector, drawn from its schema. Holds what is typed; `read()` hands it over. */
import { LitElement, css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { initialValues, readForm, type Field, type Read } from '../form/schema.ts';
import { base, controls } from '../style/base.ts';
import { inline } from '../text/markdown.ts';
import type { View } from '../ui/show.ts';

@customElement('tp-schema-form')
export class TpSchemaForm extends LitElement {
  static override styles = [base, controls, css`
    :host { display: grid; gap: var(--tp-3); }
    .field { display: grid; gap: 0.25rem; }
    .flag { display: grid; grid-template-columns: auto 1fr; gap: var(--tp-2); align-items: start; }
    .flag input { margin-top: 0.15rem; }
    .more { display: grid; gap: var(--tp-3); margin-top: var(--tp-3); }
    .error { color: var(--tp-bad); font-size: var(--tp-text-s); }
    textarea { font-family: var(--tp-mono); font-size: var(--tp-text-s); min-height: 5rem; }
    select { width: 100%; }
  `];

  @property({ attribute: false }) fields: readonly Field[] = [];
  @property({ attribute: false }) config: unknown = null;
  /** Secrets that are already kept need not be typed again. */
  @property({ type: Boolean }) editing = false;
  @state() private typed: Record<string, string | boolean> = {};
  @state() private errors: Readonly<Record<string, string>> = {};

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has('fields')) return;
    this.typed = initialValues(this.fields, this.config);
    this.errors = {};
  }

  /** What was typed; marks what is wrong, and moves the focus to the first of it. */
  read(): Read {
    const fields = this.editing ? this.fields.map((f) => (f.kind === 'secret' ? { ...f, required: false } : f)) : this.fields;
    const read = readForm(fields, this.typed);
    this.errors = read.ok ? {} : read.errors;
    if (!read.ok) void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
    return read;
  }

  /** Forgets the secrets, once they have been handed over. */
  forget(): void {
    this.typed = initialValues(this.fields);
  }

  private set(name: string, value: string | boolean): void {
    this.typed = { ...this.typed, [name]: value };
  }

  protected override render(): unknown {
    const basic = this.fields.filter((f) => !f.advanced);
    const advanced = this.fields.filter((f) => f.advanced);
    const wrong = advanced.some((f) => this.errors[f.name] !== undefined);
    return html`${basic.map((f) => this.field(f))}
      ${advanced.length === 0 ? nothing : html`<details ?open=${wrong}><summary class="small quiet">More settings (${advanced.length}, each has a default)</summary><div class="more">${advanced.map((f) => this.field(f))}</div></details>`}`;
  }

  private field(f: Field): View {
    const error = this.errors[f.name];
    const help = f.help === null ? nothing : html`<span id="${f.name}-help" class="tiny quiet">${inline(f.help)}</span>`;
    const trouble = error === undefined ? nothing : html`<span id="${f.name}-error" class="error" role="alert">${error}</span>`;
    if (f.kind === 'flag') {
      return html`<div class="flag"><input type="checkbox" id=${f.name} .checked=${this.typed[f.name] === true} aria-describedby="${f.name}-help" @change=${(e: Event) => this.set(f.name, (e.target as HTMLInputElement).checked)} />
        <label for=${f.name}>${f.label}<br />${help}</label></div>`;
    }
    const optional = f.required || f.advanced ? nothing : html` <span class="quiet" style="font-weight:400">(optional)</span>`;
    return html`<div class="field"><label for=${f.name}>${f.label}${optional}</label>${this.input(f, error !== undefined)}${help}${trouble}</div>`;
  }

  private input(f: Field, wrong: boolean): View {
    const value = String(this.typed[f.name] ?? '');
    const typed = (e: Event): void => this.set(f.name, (e.target as HTMLInputElement).value);
    const described = `${f.name}-help ${f.name}-error`;
    if (f.kind === 'choice') {
      return html`<select id=${f.name} aria-describedby=${described} @change=${typed}>${f.required && f.initial !== '' ? nothing : html`<option value="" ?selected=${value === ''}>Choose…</option>`}${f.choices.map((c) => html`<option value=${c} ?selected=${c === value}>${c}</option>`)}</select>`;
    }
    if (f.kind === 'lines' || f.kind === 'json') {
      return html`<textarea id=${f.name} aria-describedby=${described} aria-invalid=${wrong} spellcheck="false" placeholder=${f.kind === 'lines' ? 'One a line' : '{ }'} .value=${value} @input=${typed}></textarea>`;
    }
    if (f.kind === 'secret') {
      const hint = this.editing ? 'Kept as it is unless you type a new one' : '';
      return html`<input id=${f.name} type="password" autocomplete="new-password" spellcheck="false" aria-describedby=${described} aria-invalid=${wrong} placeholder=${hint} .value=${value} @input=${typed} />`;
    }
    return html`<input id=${f.name} type="text" inputmode=${f.kind === 'number' ? 'decimal' : 'text'} autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=${described} aria-invalid=${wrong}
      placeholder=${f.placeholder} .value=${value} @input=${typed} />`;
  }
}
