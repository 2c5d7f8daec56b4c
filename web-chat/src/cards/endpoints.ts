import { html, nothing } from 'lit';
import type { EndpointView } from '../protocol.ts';
import { connectorIcon, icon } from '../ui/icon.ts';
import type { View } from '../ui/show.ts';

function endpoint(e: EndpointView): View {
  const title = e.label ? `${e.label} (${e.connector})` : e.connector;
  return html`<span class="row" style="gap:.35rem;flex-wrap:nowrap" title=${title}>${connectorIcon(e.connector, 16)}<span class="break"><strong>${e.connection}</strong>${e.namespace ? html`<span class="quiet">.${e.namespace}</span>` : nothing}</span></span>`;
}

/** From where to where, in one line. */
export function endpoints(source: EndpointView, destination: EndpointView): View {
  return html`<div class="row small">${endpoint(source)}<span class="quiet" style="display:inline-flex">${icon('arrow', 16)}<span class="visually-hidden">to</span></span>${endpoint(destination)}</div>`;
}
