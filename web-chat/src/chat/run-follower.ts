/**
 * Runs that a conversation only names. Where their events do not arrive on the conversation's own topic, they are
 * followed on theirs.
 */
import { foldRunTopic, newRunTopic, type RunState, type RunTopic } from '../fold-run.ts';
import { TopicLink } from '../link/topic-link.ts';
import { isFinal } from '../protocol.ts';
import { segment, type Client } from '../rest/client.ts';

const PATIENCE = 2500;

export class RunFollower {
  private readonly links = new Map<string, TopicLink<RunTopic>>();
  private readonly waits = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly client: () => Client, private readonly onChange: () => void) {}

  /** The better informed of what the conversation says and what the run itself says. */
  best(told: RunState): RunState {
    const own = this.links.get(told.run)?.state;
    return own !== undefined && own.seq > 0 && isSilent(told) ? own.run : told;
  }

  watch(runs: readonly RunState[]): void {
    for (const run of runs) {
      if (!isSilent(run) || this.links.has(run.run) || this.waits.has(run.run)) continue;
      this.waits.set(run.run, setTimeout(() => this.follow(run.run), PATIENCE));
    }
    for (const run of runs) if (!isSilent(run)) this.leave(run.run);
  }

  close(): void {
    for (const run of [...this.waits.keys(), ...this.links.keys()]) this.leave(run);
  }

  private follow(run: string): void {
    this.waits.delete(run);
    this.links.set(run, new TopicLink<RunTopic>({
      url: (after) => this.client().socketUrl(`/runs/${segment(run)}/ws`, { after }),
      fold: foldRunTopic,
      start: newRunTopic(run),
      onChange: this.onChange,
      isOver: (topic) => isFinal(topic.run.phase) && (topic.run.phase !== 'completed' || topic.run.receipt !== null),
    }));
  }

  private leave(run: string): void {
    const wait = this.waits.get(run);
    if (wait !== undefined) clearTimeout(wait);
    this.waits.delete(run);
    this.links.get(run)?.close();
    this.links.delete(run);
  }
}

function isSilent(run: RunState): boolean {
  return run.phase === 'queued' && run.log.length === 0 && Object.keys(run.streams).length === 0;
}
