/**
 * A live topic: replay, then whatever happens, over a WebSocket that comes back by itself. The state is a fold, so a
 * reconnection asks for what follows the last event folded and goes on.
 */
import { parseEnvelope, parseRefused, type ClientFrame, type Envelope, type Refused } from '../protocol.ts';

export type LinkState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'closed';

export interface Folded {
  readonly seq: number;
  readonly missing: number | null;
}

export interface LinkOptions<S extends Folded> {
  readonly url: (after: number) => string;
  readonly fold: (state: S, envelope: Envelope) => S;
  readonly start: S;
  /** Called at most once a frame, with everything that arrived since. */
  readonly onChange: () => void;
  readonly onRefused?: (refused: Refused) => void;
  /** True when nothing more can come; the link then closes for good. */
  readonly isOver?: (state: S) => boolean;
  readonly connect?: (url: string) => WebSocket;
  readonly random?: () => number;
}

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15_000;
/** After so many attempts in a row it is called offline and no longer reconnecting. */
const OFFLINE_AFTER = 4;

/** How long to wait before attempt `n` (from 1): doubling, with half of it left to chance. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  return longest / 2 + (longest / 2) * random();
}

export class TopicLink<S extends Folded> {
  state: S;
  link: LinkState = 'connecting';
  private socket: WebSocket | null = null;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private arrived: Envelope[] = [];
  private flushing = false;
  private unsent: ClientFrame[] = [];

  constructor(private readonly options: LinkOptions<S>) {
    this.state = options.start;
    globalThis.addEventListener?.('online', this.hurry);
    this.open();
  }

  /** Sends now, or as soon as the link is up again. */
  send(frame: ClientFrame): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
    else this.unsent.push(frame);
  }

  close(): void {
    this.link = 'closed';
    globalThis.removeEventListener?.('online', this.hurry);
    if (this.timer !== null) clearTimeout(this.timer);
    this.drop();
  }

  /** Tries again at once, for a person who does not want to wait. */
  readonly hurry = (): void => {
    if (this.link === 'closed' || this.socket !== null) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.open();
  };

  private open(): void {
    this.timer = null;
    const make = this.options.connect ?? ((url: string) => new WebSocket(url));
    const socket = make(this.options.url(this.state.seq));
    this.socket = socket;
    socket.onopen = () => {
      this.attempts = 0;
      this.move('live');
      for (const frame of this.unsent.splice(0)) socket.send(JSON.stringify(frame));
    };
    socket.onmessage = (message: MessageEvent<unknown>) => this.receive(message.data);
    socket.onclose = () => this.lost(socket);
  }

  private receive(data: unknown): void {
    let value: unknown;
    try {
      value = JSON.parse(String(data));
    } catch {
      return;
    }
    const refused = parseRefused(value);
    if (refused !== null) {
      this.options.onRefused?.(refused);
      return;
    }
    const envelope = parseEnvelope(value);
    if (envelope === null) return;
    this.arrived.push(envelope);
    if (!this.flushing) {
      this.flushing = true;
      soon(() => this.flush());
    }
  }

  private flush(): void {
    this.flushing = false;
    if (this.link === 'closed') return;
    this.state = this.arrived.splice(0).reduce(this.options.fold, this.state);
    if (this.state.missing !== null) this.again();
    this.options.onChange();
    if (this.options.isOver?.(this.state)) this.close();
  }

  /** Something was missed: ask for it. */
  private again(): void {
    this.drop();
    this.state = { ...this.state, missing: null };
    this.wait();
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket || this.link === 'closed') return;
    this.socket = null;
    this.wait();
  }

  private wait(): void {
    this.attempts += 1;
    this.move(this.attempts > OFFLINE_AFTER || globalThis.navigator?.onLine === false ? 'offline' : 'reconnecting');
    this.timer = setTimeout(() => this.open(), backoff(this.attempts, this.options.random));
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.arrived = [];
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private move(link: LinkState): void {
    if (this.link === link) return;
    this.link = link;
    this.options.onChange();
  }
}

/** Once a frame while the page is seen; a hidden page gets no frames. */
function soon(work: () => void): void {
  if (typeof document !== 'undefined' && document.visibilityState === 'visible') requestAnimationFrame(work);
  else setTimeout(work, 50);
}
