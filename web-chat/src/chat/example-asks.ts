/** Things to say to begin with, made from what this workspace has. */
import { segment, type Client } from '../rest/client.ts';
import type { Connection, List, StreamSummary } from '../rest/types.ts';

export const GENERAL_ASKS: readonly string[] = [
  'What connections do I have?',
  'Which databases can you read from?',
  'What can you do?',
];

/** Sources looked into before giving up. */
const SOURCES = 4;

export async function exampleAsks(client: Client): Promise<readonly string[]> {
  try {
    const { items } = await client.get<List<Connection>>('/connections');
    const sources = items.filter((c) => c.roles.includes('source') && c.status?.state !== 'failed').slice(0, SOURCES);
    // A folder or a database with nothing in it yet is no place to begin.
    for (const source of sources) {
      const destination = items.find((c) => c.roles.includes('destination') && c.name !== source.name) ?? null;
      if (destination === null) continue;
      const streams = await client.get<List<StreamSummary>>(`/connections/${segment(source.name)}/streams`, { limit: 3 });
      if (streams.items.length > 0) return asksFor(source.name, destination.name, streams.items.map((s) => s.stream));
    }
    return GENERAL_ASKS;
  } catch {
    return GENERAL_ASKS;
  }
}

export function asksFor(source: string, destination: string, streams: readonly string[]): readonly string[] {
  const [first, second] = streams.map((s) => s.split('.').at(-1) ?? s);
  if (first === undefined) return [`What is in ${source}?`, ...GENERAL_ASKS.slice(1)];
  const both = second === undefined ? first : `${first} and ${second}`;
  return [
    `Transfer ${both} from ${source} to ${destination}`,
    `Copy ${first} from ${source} to ${destination} every day at 2:00 UTC`,
    `What is in ${source}?`,
    'Why did the last run fail?',
  ];
}
