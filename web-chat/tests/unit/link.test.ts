import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { empty, fold, type Conversation } from '../../src/fold.ts';
import { TopicLink, backoff } from '../../src/link/topic-link.ts';
import type { Refused } from '../../src/protocol.ts';
import { wholeTalk } from './events.ts';

/** As much of a socket as the link touches. */
class Socket {
  static made: Socket[] = [];
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor(readonly url: string) {
    Socket.made.push(this);
  }
  open(): void { this.readyState = 1; this.onopen?.(); }
  hear(value: unknown): void { this.onmessage?.({ data: typeof value === 'string' ? value : JSON.stringify(value) }); }
  fall(): void { this.readyState = 3; this.onclose?.(); }
  send(text: string): void { this.sent.push(text); }
  close(): void { this.readyState = 3; }
}

const last = (): Socket => Socket.made.at(-1)!;
let refusals: Refused[] = [];

function link(): TopicLink<Conversation> {
  return new TopicLink({ url: (after) => `ws://host/ws?after=${after}`, fold, start: empty, onChange: () => {}, onRefused: (r) => refusals.push(r), connect: (url) => new Socket(url) as unknown as WebSocket, random: () => 1 });
}

beforeEach(() => {
  vi.useFakeTimers();
  Socket.made = [];
  refusals = [];
});
afterEach(() => vi.useRealTimers());

describe('a live topic', () => {
  it('folds what arrives, and asks for the rest when the link comes back', () => {
    const topic = link();
    last().open();
    wholeTalk.slice(0, 6).forEach((e) => last().hear(e));
    vi.advanceTimersByTime(100);
    expect(topic.state.seq).toBe(6);
    last().fall();
    expect(topic.link).toBe('reconnecting');
    vi.advanceTimersByTime(1000);
    expect(last().url).toBe('ws://host/ws?after=6');
    last().open();
    wholeTalk.slice(6).forEach((e) => last().hear(e));
    vi.advanceTimersByTime(100);
    expect(topic.link).toBe('live');
    expect(topic.state).toEqual(wholeTalk.reduce(fold, empty));
  });

  it('reconnects from the last event when one is missing', () => {
    const topic = link();
    last().open();
    [wholeTalk[0], wholeTalk[1], wholeTalk[4]].forEach((e) => last().hear(e));
    vi.advanceTimersByTime(100);
    expect(topic.state.missing).toBeNull();
    vi.advanceTimersByTime(1000);
    expect(Socket.made).toHaveLength(2);
    expect(last().url).toBe('ws://host/ws?after=2');
  });

  it('is called offline after some tries, and goes on trying', () => {
    const topic = link();
    for (let i = 0; i < 6; i += 1) {
      last().fall();
      vi.advanceTimersByTime(20_000);
    }
    expect(topic.link).toBe('offline');
    last().open();
    expect(topic.link).toBe('live');
  });

  it('sends what was said while it was away, once', () => {
    const topic = link();
    topic.send({ type: 'say', text: 'hello' });
    expect(last().sent).toEqual([]);
    last().open();
    expect(last().sent).toEqual(['{"type":"say","text":"hello"}']);
    last().fall();
    vi.advanceTimersByTime(1000);
    last().open();
    expect(last().sent).toEqual([]);
  });

  it('hands a refusal on, and survives what is not an envelope', () => {
    const topic = link();
    last().open();
    last().hear('not json');
    last().hear({ type: 'refused', code: 'stale', message: 'Changed.' });
    last().hear({ hello: 1 });
    vi.advanceTimersByTime(100);
    expect(refusals.map((r) => r.code)).toEqual(['stale']);
    expect(topic.state).toBe(empty);
  });

  it('stays closed', () => {
    const topic = link();
    last().open();
    topic.close();
    vi.advanceTimersByTime(60_000);
    expect(Socket.made).toHaveLength(1);
  });
});

it('waits longer each time, up to a limit, half of it by chance', () => {
  expect([1, 2, 3, 10].map((n) => backoff(n, () => 1))).toEqual([400, 800, 1600, 15_000]);
  expect(backoff(3, () => 0)).toBe(800);
});
