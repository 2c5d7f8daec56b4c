/** The page's addresses. A path is read into a route, and only here. */

export type Route =
  | { readonly view: 'home' }
  | { readonly view: 'chat'; readonly id: string | null }
  | { readonly view: 'pipelines' }
  | { readonly view: 'pipeline'; readonly id: string }
  | { readonly view: 'connections' }
  | { readonly view: 'runs'; readonly id: string | null; readonly pipeline: string | null }
  | { readonly view: 'runtimes' }
  | { readonly view: 'history' }
  | { readonly view: 'unknown'; readonly path: string };

export function parseRoute(path: string, search = ''): Route {
  const [first = '', second, ...rest] = path.split('/').filter((part) => part !== '').map(decode);
  const id = second ?? null;
  if (rest.length > 0) return { view: 'unknown', path };
  switch (first) {
    case '': return { view: 'home' };
    case 'chat': return { view: 'chat', id };
    case 'pipelines': return id === null ? { view: 'pipelines' } : { view: 'pipeline', id };
    case 'runs': return { view: 'runs', id, pipeline: new URLSearchParams(search).get('pipeline') };
    case 'airbyte-ingestion': case 'data-ingestion': return id === null ? { view: 'pipelines' } : { view: 'unknown', path };
    case 'connections': return id === null ? { view: 'connections' } : { view: 'unknown', path };
    case 'runtime-environments': return id === null ? { view: 'runtimes' } : { view: 'unknown', path };
    case 'job-history': return id === null ? { view: 'history' } : { view: 'unknown', path };
    default: return { view: 'unknown', path };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes to a path of the page without loading it anew. */
export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'replace') history.replaceState(null, '', path);
  else if (path !== location.pathname + location.search) history.pushState(null, '', path);
  globalThis.dispatchEvent(new CustomEvent('towpath-route'));
}

/** The path of a plain click on a link of our own, or `null` where the browser should do what it always does. */
export function ownLink(event: MouseEvent): string | null {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const anchor = event.composedPath().find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement);
  if (anchor === undefined || anchor.target !== '' || anchor.hasAttribute('download') || anchor.origin !== location.origin) return null;
  if (anchor.pathname.startsWith('/api/')) return null;
  return anchor.pathname + anchor.search;
}
