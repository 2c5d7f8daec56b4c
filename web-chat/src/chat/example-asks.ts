/** Things to say to begin with, made from what this workspace has. */
import { segment, type Client } from '../rest/client.ts';
import type { Connection, List, StreamSummary } from '../rest/types.ts';

export const GENERAL_ASKS: readonly string[] = [
  'What connections do I have?',
  'Which databases can you read from?',
  'What can you do?',
];

export async function exampleAsks(client: Client): Promise<readonly string[]> {
  try {
    const { items } = await client.get<List<Connection>>('/connections');
    const source = items.find((c) => c.roles.includes('source') && c.status?.state !== 'failed') ?? null;
    const destination = items.find((c) => c.roles.includes('destination') && c.name !== source?.name) ?? null;
    if (source === null || destination === null) return GENERAL_ASKS;
    const streams = await client.get<List<StreamSummary>>(`/connections/${segment(source.name)}/streams`, { limit: 3 });
    return asksFor(source.name, destination.name, streams.items.map((s) => s.stream));
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
