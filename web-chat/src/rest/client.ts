/** The one place that speaks HTTP. Every failure leaves it as a `Trouble`: what is wrong, and what to do. */
import { isRecord, type ProblemView } from '../protocol.ts';

export class Trouble extends Error {
  override readonly name = 'Trouble';
  constructor(
    readonly code: string,
    message: string,
    readonly suggestion: string | null = null,
    readonly status = 0,
    readonly problems: readonly ProblemView[] = [],
  ) {
    super(message);
  }
  get offline(): boolean {
    return this.code === 'offline';
  }
  get signedOut(): boolean {
    return this.status === 401;
  }
}

/** Any thrown value as something that can be shown. */
export function asTrouble(thrown: unknown): Trouble {
  if (thrown instanceof Trouble) return thrown;
  return new Trouble('page', thrown instanceof Error ? thrown.message : String(thrown), 'Reload the page.');
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export class Client {
  /** Told once for each call that the server answers with 401. */
  onSignedOut: (() => void) | null = null;

  /** `base` is the server's origin; empty where the page comes from the server itself. */
  constructor(readonly base = '') {}

  get<T>(path: string, query: Query = {}): Promise<T> { return this.call<T>('GET', path + queryText(query)); }
  post<T = void>(path: string, body?: unknown): Promise<T> { return this.call<T>('POST', path, body); }
  put<T = void>(path: string, body?: unknown): Promise<T> { return this.call<T>('PUT', path, body); }
  patch<T = void>(path: string, body?: unknown): Promise<T> { return this.call<T>('PATCH', path, body); }
  delete(path: string): Promise<void> { return this.call<void>('DELETE', path); }

  socketUrl(path: string, query: Query = {}): string {
    const url = new URL(`${this.base}/api/v1${path}${queryText(query)}`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
  }

  private async call<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method, credentials: 'include', headers: { accept: 'application/json' } };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { accept: 'application/json', 'content-type': 'application/json' };
    }
    let response: Response;
    try {
      response = await fetch(`${this.base}/api/v1${path}`, init);
    } catch {
      throw new Trouble('offline', 'The server does not answer.', 'Check that `towpath serve` is running and that this machine can reach it.');
    }
    if (response.status === 401) this.onSignedOut?.();
    const answer = await readJson(response);
    if (!response.ok) throw problem(response.status, answer);
    return answer as T;
  }
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function problem(status: number, answer: unknown): Trouble {
  const document = isRecord(answer) ? answer : {};
  const text = (field: string): string | null => {
    const value = document[field];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const problems = Array.isArray(document.problems) ? (document.problems as readonly ProblemView[]) : [];
  const message = text('detail') ?? text('title') ?? `The server answered with status ${status}.`;
  return new Trouble(text('code') ?? `http_${status}`, message, text('suggestion'), status, problems);
}

export function queryText(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (pairs.length === 0) return '';
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}

/** A name as one segment of a path. */
export const segment = encodeURIComponent;
