/** What a tool's answer looks like when a person asks for the details: a function for each tool, and a plain default. */
import { html, nothing } from 'lit';
import { isRecord } from '../protocol.ts';
import { count } from '../text/format.ts';
import type { View } from '../ui/show.ts';

export type ToolView = (view: unknown) => View;

const MOST_ROWS = 30;
const MOST_COLUMNS = 6;

/** Any JSON, readably: a list of records as a table, a record as terms, the rest as text. */
export const plainView: ToolView = (view) => {
  const value = unwrap(view);
  if (value === null || value === undefined) return html`<p class="tiny quiet">It has nothing to show.</p>`;
  if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) return tableOf(value, columnsOf(value));
  if (Array.isArray(value) && value.every((v) => !isRecord(v))) return html`<p class="small break">${value.map(cellText).join(', ') || 'Nothing found.'}</p>`;
  if (isRecord(value)) return html`<dl>${Object.entries(value).map(([k, v]) => html`<dt>${k.replaceAll('_', ' ')}</dt><dd>${isRecord(v) || Array.isArray(v) ? plainView(v) : cellText(v)}</dd>`)}</dl>`;
  return html`<p class="small break">${cellText(value)}</p>`;
};

/** A list wrapped in a record of one field is the list. */
function unwrap(view: unknown): unknown {
  if (!isRecord(view)) return view;
  const entries = Object.entries(view);
  const only = entries.length === 1 ? entries[0]?.[1] : undefined;
  return Array.isArray(only) ? only : view;
}

function columnsOf(rows: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return [...new Set(rows.flatMap((r) => Object.keys(r).filter((k) => r[k] !== null && r[k] !== '')))].slice(0, MOST_COLUMNS);
}

function tableOf(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): View {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Details"><table>
    <thead><tr>${columns.map((c) => html`<th scope="col">${c.replaceAll('_', ' ')}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, MOST_ROWS).map((r) => html`<tr>${columns.map((c) => html`<td class="break">${cellText(r[c])}</td>`)}</tr>`)}</tbody>
  </table></div>${rows.length > MOST_ROWS ? html`<p class="tiny quiet">and ${count(rows.length - MOST_ROWS)} more</p>` : nothing}`;
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return count(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.every((v) => !isRecord(v)) ? value.map(cellText).join(', ') : `${value.length} entries`;
  return isRecord(value) ? JSON.stringify(value) : String(value);
}

/** A table of chosen columns, where the tool's answer holds a list under `field`. */
function listView(field: string, columns: readonly string[]): ToolView {
  return (view) => {
    const rows = isRecord(view) ? view[field] : view;
    return Array.isArray(rows) && rows.length > 0 && rows.every(isRecord) ? tableOf(rows, columns.filter((c) => rows.some((r) => r[c] != null))) : plainView(view);
  };
}

export const TOOL_VIEWS: Readonly<Record<string, ToolView>> = {
  list_connections: listView('connections', ['name', 'connector', 'roles', 'status']),
  search_catalog: listView('connectors', ['name', 'id', 'roles', 'native']),
  list_streams: listView('streams', ['stream', 'rows', 'columns', 'primary_key']),
  describe_stream: listView('columns', ['name', 'type', 'nullable', 'indexed']),
  list_runs: listView('runs', ['pipeline_name', 'phase', 'rows_written', 'started_at']),
};

export function toolView(tool: string, view: unknown): View {
  return (TOOL_VIEWS[tool] ?? plainView)(view);
}
