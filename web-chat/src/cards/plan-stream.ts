/** One stream of a plan: how it is read and written, where each column goes, and what was measured. */
import { html, nothing } from 'lit';
import type { ColumnView, StreamView } from '../protocol.ts';
import { bytes, count, counted } from '../text/format.ts';
import { modeName } from '../text/modes.ts';
import { icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';
import { inline } from '../text/markdown.ts';

const VERDICT_TONE: Readonly<Record<string, string>> = { exact: 'good', lossless: 'info', lossy: 'warn' };

export function streamPart(stream: StreamView, open: boolean): View {
  const mode = modeName(stream.read, stream.write);
  const lossy = stream.columns.filter((c) => c.verdict === 'lossy').length;
  return html`<details class="stream" ?open=${open}>
    <summary>
      <span class="names"><span class="mono">${stream.stream}</span>${icon('arrow', 14)}<span class="visually-hidden">to</span><span class="mono">${stream.target}</span></span>
      <span class="row">
        <span class="chip accent">${mode.ours}</span>
        ${mode.airbyte === null ? nothing : html`<span class="tiny quiet">${mode.airbyte}</span>`}
        ${lossy > 0 ? html`<span class="chip warn">${counted(lossy, 'lossy column')}</span>` : nothing}
        ${stream.rows == null ? nothing : html`<span class="tiny quiet num">${counted(stream.rows, 'row')}${stream.bytes == null ? nothing : html`, ${bytes(stream.bytes)}`}</span>`}
      </span>
    </summary>
    <div class="inside">
      ${settings(stream)}
      ${mapping(stream.columns)}
      ${stream.evidence.length === 0 ? nothing : html`<div><h4>Measured on the source</h4><ul class="facts">${stream.evidence.map((e) => html`<li>${icon('check', 14)}<span>${inline(e.text)}</span></li>`)}</ul></div>`}
    </div>
  </details>`;
}

function settings(stream: StreamView): View {
  const rows: View[] = [];
  if (stream.cursor) rows.push(html`<dt>Cursor</dt><dd><code>${stream.cursor}</code></dd>`);
  if (stream.key.length > 0) rows.push(html`<dt>Key</dt><dd>${stream.key.map((k) => html`<code>${k}</code> `)}</dd>`);
  if (stream.filter) rows.push(html`<dt>Filter</dt><dd><code>${stream.filter}</code></dd>`);
  return rows.length === 0 ? nothing : html`<dl>${rows}</dl>`;
}

function mapping(columns: readonly ColumnView[]): View {
  if (columns.length === 0) return nothing;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Column mapping"><table class="mapping">
    <caption class="visually-hidden">Where each of the ${count(columns.length)} columns goes</caption>
    <thead><tr><th scope="col">Column</th><th scope="col">Arrives as</th><th scope="col">Type</th></tr></thead>
    <tbody>${columns.map(columnRow)}</tbody>
  </table></div>`;
}

function columnRow(c: ColumnView): View {
  const same = c.source_type === c.target_type;
  return html`<tr>
    <td><span class="mono">${c.source}</span><div class="tiny quiet mono">${c.source_type}</div></td>
    <td><span class="mono">${c.target}</span><div class="tiny quiet mono">${same ? 'same type' : c.target_type}</div></td>
    <td><span class="chip ${VERDICT_TONE[c.verdict] ?? ''}">${c.verdict}</span>${c.change ? html` <span class="chip">${c.change}</span>` : nothing}
      ${c.note ? html`<div class="tiny quiet">${inline(c.note)}</div>` : nothing}</td>
  </tr>`;
}
