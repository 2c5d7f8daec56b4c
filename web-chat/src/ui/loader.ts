/** Something read from the server: on its way, here, or not to be had. Optionally read again while it is looked at. */
import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { asTrouble, type Trouble } from '../rest/client.ts';

export class Loader<T> implements ReactiveController {
  value: T | null = null;
  trouble: Trouble | null = null;
  loading = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private turn = 0;
  private connected = false;

  /** `every` answers the milliseconds until the next read, or `null` for never. */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly read: () => Promise<T> | null,
    private readonly every: (value: T | null) => number | null = () => null,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.connected = true;
    document.addEventListener('visibilitychange', this.seen);
    void this.load();
  }

  hostDisconnected(): void {
    this.connected = false;
    document.removeEventListener('visibilitychange', this.seen);
    this.stop();
  }

  /** Forgets what it has and reads anew: for another subject. */
  restart(): void {
    this.value = null;
    this.trouble = null;
    void this.load();
  }

  readonly load = async (): Promise<void> => {
    this.stop();
    const reading = this.read();
    if (reading === null) return;
    this.turn += 1;
    const turn = this.turn;
    this.loading = true;
    this.host.requestUpdate();
    try {
      const value = await reading;
      if (turn !== this.turn) return;
      this.value = value;
      this.trouble = null;
    } catch (thrown) {
      if (turn !== this.turn) return;
      this.trouble = asTrouble(thrown);
    }
    this.loading = false;
    this.host.requestUpdate();
    this.plan();
  };

  private readonly seen = (): void => {
    if (document.visibilityState === 'visible' && this.timer === null && this.connected && !this.loading) this.plan();
  };

  private plan(): void {
    const wait = this.trouble?.offline ? 4000 : this.every(this.value);
    if (wait === null || !this.connected || document.visibilityState !== 'visible') return;
    this.timer = setTimeout(() => { this.timer = null; void this.load(); }, wait);
  }

  private stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
