/** The icons, drawn on one 20-unit grid with one stroke. They are decoration: the words beside them carry the sense. */
import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';

const PATHS: Readonly<Record<string, SVGTemplateResult>> = {
  arrow: svg`<path d="M3 10h13M11.5 5.5 16 10l-4.5 4.5"/>`,
  attach: svg`<path d="m14.5 9-5.2 5.2a3 3 0 0 1-4.3-4.3l6-6a2 2 0 0 1 2.9 2.9l-5.8 5.8a1 1 0 0 1-1.4-1.4L11.5 6.5"/>`,
  chat: svg`<path d="M3.5 5.5a2 2 0 0 1 2-2h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9l-4 3.5v-3.5a1.5 1.5 0 0 1-1.5-1.5z"/>`,
  check: svg`<path d="m4 10.5 4 4 8-9"/>`,
  close: svg`<path d="m5 5 10 10M15 5 5 15"/>`,
  clock: svg`<circle cx="10" cy="10" r="6.5"/><path d="M10 6.5V10l2.5 1.8"/>`,
  copy: svg`<rect x="7" y="7" width="9" height="9" rx="1.5"/><path d="M13 4.5v-.2A1.3 1.3 0 0 0 11.7 3H5.3A2.3 2.3 0 0 0 3 5.3v6.4A1.3 1.3 0 0 0 4.3 13h.2"/>`,
  database: svg`<ellipse cx="10" cy="5" rx="6" ry="2.3"/><path d="M4 5v10c0 1.3 2.7 2.3 6 2.3s6-1 6-2.3V5M4 10c0 1.3 2.7 2.3 6 2.3s6-1 6-2.3"/>`,
  down: svg`<path d="m5 7.5 5 5 5-5"/>`,
  download: svg`<path d="M10 3.5v9M6 9l4 4 4-4M4 16.5h12"/>`,
  files: svg`<path d="M3.5 6a1.5 1.5 0 0 1 1.5-1.5h3l1.5 2H15A1.5 1.5 0 0 1 16.5 8v6.5A1.5 1.5 0 0 1 15 16H5a1.5 1.5 0 0 1-1.5-1.5z"/>`,
  cloud: svg`<path d="M6 15.5a3.5 3.5 0 0 1-.3-7 4.5 4.5 0 0 1 8.7 1 3 3 0 0 1 .1 6z"/>`,
  queue: svg`<path d="M3.5 5.5h13M3.5 10h13M3.5 14.5h8"/>`,
  home: svg`<path d="M3.5 9.5 10 4l6.5 5.5V16h-4.5v-4H8v4H3.5z"/>`,
  key: svg`<circle cx="7" cy="13" r="3.2"/><path d="m9.3 10.7 6.2-6.2M13 7l2 2"/>`,
  link: svg`<path d="M8.5 11.5a3 3 0 0 0 4.3 0l2.6-2.6a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.3 0l-2.6 2.6a3 3 0 0 0 4.3 4.3l1-1"/>`,
  list: svg`<path d="M7 5.5h9.5M7 10h9.5M7 14.5h9.5M3.5 5.5h.01M3.5 10h.01M3.5 14.5h.01"/>`,
  moon: svg`<path d="M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5z"/>`,
  sun: svg`<circle cx="10" cy="10" r="3.2"/><path d="M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M15.3 4.7l-1.4 1.4M6.1 13.9l-1.4 1.4"/>`,
  pause: svg`<path d="M7 4.5v11M13 4.5v11"/>`,
  pipeline: svg`<path d="M3 6.5h6.5a3 3 0 0 1 3 3v1a3 3 0 0 0 3 3H17"/><circle cx="3.8" cy="6.5" r="1.3"/><circle cx="16.2" cy="13.5" r="1.3"/>`,
  play: svg`<path d="M6.5 4.5v11l9-5.5z"/>`,
  plus: svg`<path d="M10 4v12M4 10h12"/>`,
  refresh: svg`<path d="M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4"/>`,
  send: svg`<path d="M10 16V4.5M5 9.5 10 4.5l5 5"/>`,
  server: svg`<rect x="3.5" y="4" width="13" height="5" rx="1.3"/><rect x="3.5" y="11" width="13" height="5" rx="1.3"/><path d="M6.5 6.5h.01M6.5 13.5h.01"/>`,
  shield: svg`<path d="M10 3 4.5 5v5c0 3.3 2.3 5.9 5.5 7 3.2-1.1 5.5-3.7 5.5-7V5z"/>`,
  stop: svg`<rect x="5.5" y="5.5" width="9" height="9" rx="1.5"/>`,
  tool: svg`<path d="M12 4.5a3.5 3.5 0 0 0-1 5l-6 6 1.5 1.5 6-6a3.5 3.5 0 0 0 4.5-4.5l-2 2-2-.5-.5-2z"/>`,
  trash: svg`<path d="M4 6h12M8 6V4h4v2M5.5 6l.7 10h7.6l.7-10"/>`,
  warning: svg`<path d="M10 3.5 17 16H3zM10 8.5v3.5M10 14h.01"/>`,
  table: svg`<rect x="3.5" y="4.5" width="13" height="11" rx="1.5"/><path d="M3.5 8.5h13M8.5 8.5v7"/>`,
  back: svg`<path d="M16 10H4M8.5 5.5 4 10l4.5 4.5"/>`,
};

export function icon(name: string, size = 18): TemplateResult {
  return html`<svg width=${size} height=${size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${PATHS[name] ?? PATHS.pipeline}</svg>`;
}

const SERVICES = /file|folder|csv|parquet|sftp/i;
const CLOUDS = /s3|gcs|blob|object|snowflake|bigquery|redshift|databricks|saas|api|http|stripe|hubspot|github|salesforce|zendesk/i;
const QUEUES = /kafka|queue|stream|pubsub|kinesis/i;

/** An icon for a kind of system, from the connector's id or kind. */
export function connectorIcon(connector: string, size = 18): TemplateResult {
  if (SERVICES.test(connector)) return icon('files', size);
  if (QUEUES.test(connector)) return icon('queue', size);
  return icon(CLOUDS.test(connector) ? 'cloud' : 'database', size);
}

export function brand(size = 26): TemplateResult {
  return html`<svg width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0b6e6e"/><path d="M5 13.5h16l4.5-4" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/><path d="M7 13.5l2 5h12l3-5" fill="#fff" fill-opacity=".92"/><path d="M5 23c2.2 0 2.2 1.6 4.4 1.6S11.6 23 13.8 23s2.2 1.6 4.4 1.6S20.4 23 22.6 23s2.2 1.6 4.4 1.6" fill="none" stroke="#8fe0d4" stroke-width="2.2" stroke-linecap="round"/></svg>`;
}
