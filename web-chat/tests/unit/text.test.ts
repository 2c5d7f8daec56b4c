import { describe, expect, it } from 'vitest';
import { asksFor } from '../../src/chat/example-asks.ts';
import { attachmentText } from '../../src/chat/attachment-text.ts';
import { parseRoute } from '../../src/console/router.ts';
import { asReceipt, overall } from '../../src/receipt.ts';
import { Client, Trouble, queryText } from '../../src/rest/client.ts';
import { ago, between, bytes, count, counted, duration, moment, rate, shortId } from '../../src/text/format.ts';
import { modeName, modeText, stopMeanings } from '../../src/text/modes.ts';
import { toSchedule } from '../../src/text/schedule.ts';

describe('format', () => {
  it('counts', () => {
    expect([count(1234567), counted(1, 'row'), counted(0, 'row'), counted(2, 'entry', 'entries')]).toEqual(['1,234,567', '1 row', '0 rows', '2 entries']);
  });
  it('sizes', () => {
    expect([0, 1023, 1024, 1536, 104857600, 5e12].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '100 MiB', '4.5 TiB']);
  });
  it('durations', () => {
    expect([0.2, 42, 60, 185, 7800, 100_000, -1].map(duration)).toEqual(['under a second', '42 s', '1 min', '3 min 5 s', '2 h 10 min', '1 d 3 h', '']);
  });
  it('rates', () => {
    expect([0, 0.5, 4210, Number.NaN].map(rate)).toEqual(['', '0.5 rows/s', '4.2K rows/s', '']);
  });
  it('times', () => {
    const now = Date.parse('2026-03-01T12:00:00Z');
    expect(['2026-03-01T11:59:40Z', '2026-03-01T11:50:00Z', '2026-03-01T14:00:00Z', '2026-02-27T12:00:00Z', 'x'].map((t) => ago(t, now))).toEqual(['just now', '10 min ago', 'in 2 h', '2 d ago', '']);
    expect(moment('2020-03-01T02:00:00Z', 'UTC')).toContain('02:00');
    expect(moment('2020-03-01T02:00:00Z', 'Nowhere/At_all')).not.toBe('');
    expect(between('2026-03-01T11:00:00Z', '2026-03-01T11:00:05Z')).toBe(5);
    expect(between(null, 'x')).toBeNull();
    expect(shortId('0190-aaaa-bbbb-cccc')).toBe('0190…b-cccc');
  });
});

describe('modes', () => {
  it('have both names', () => {
    expect(modeText('incremental', 'merge')).toBe('incremental · merge (Incremental | Append + Deduped)');
    expect(modeName('full', 'replace')).toEqual({ ours: 'full · replace', airbyte: 'Full Refresh | Overwrite' });
    expect(modeText('odd', 'pair')).toBe('odd · pair');
  });
  it('say what stopping means, for what the run has or for all', () => {
    expect(stopMeanings(['cdc', 'full', 'full']).map((m) => m.title)).toEqual(['Full refresh', 'CDC']);
    expect(stopMeanings([])).toHaveLength(3);
  });
});

describe('schedule', () => {
  const picked = { every: 'day', time: '02:00', weekday: 1, cron: '', timezone: 'UTC' } as const;
  it('is cron', () => {
    expect(toSchedule(picked)).toEqual({ schedule: { cron: '0 2 * * *', timezone: 'UTC' } });
    expect(toSchedule({ ...picked, every: 'week', time: '23:05' })).toEqual({ schedule: { cron: '5 23 * * 1', timezone: 'UTC' } });
    expect(toSchedule({ ...picked, every: 'hour', time: '00:15', timezone: '' })).toEqual({ schedule: { cron: '15 * * * *', timezone: 'UTC' } });
    expect(toSchedule({ ...picked, every: 'demand' })).toEqual({ schedule: null });
    expect(toSchedule({ ...picked, every: 'cron', cron: '* *' })).toHaveProperty('error');
  });
});

describe('routes', () => {
  it('are every address of the page', () => {
    expect(['/', '/chat', '/chat/x', '/pipelines', '/pipelines/a%20b', '/connections', '/runs/', '/runs/7', '/airbyte-ingestion', '/data-ingestion', '/runtime-environments', '/job-history', '/x', '/runs/7/8'].map((p) => parseRoute(p).view))
      .toEqual(['home', 'chat', 'chat', 'pipelines', 'pipeline', 'connections', 'runs', 'runs', 'pipelines', 'pipelines', 'runtimes', 'history', 'unknown', 'unknown']);
    expect(parseRoute('/pipelines/a%20b')).toEqual({ view: 'pipeline', id: 'a b' });
    expect(parseRoute('/runs', '?pipeline=p')).toEqual({ view: 'runs', id: null, pipeline: 'p' });
    expect(() => parseRoute('/chat/%E0%A4%A')).not.toThrow();
  });
});

describe('receipt', () => {
  it('is as good as its weakest stream', () => {
    const receipt = asReceipt({ run: 'r', streams: [{ stream: 'a', verdict: 'proven' }, { stream: 'b', verdict: 'counted', rows_read: 3 }] });
    expect(receipt?.streams[0]).toMatchObject({ rows_read: 0, notes: [] });
    expect(receipt === null ? null : overall(receipt)).toBe('counted');
    expect([null, {}, { streams: 'x' }].map(asReceipt)).toEqual([null, null, null]);
    expect(asReceipt({ streams: [{ verdict: 'odd' }] })?.streams[0]?.verdict).toBe('unverified');
  });
});

describe('asks and attachments', () => {
  it('are made of what is there', () => {
    expect(asksFor('shop', 'warehouse', ['main.customers', 'orders'])[0]).toBe('Transfer customers and orders from shop to warehouse');
    expect(asksFor('shop', 'warehouse', [])[0]).toBe('What is in shop?');
    expect(attachmentText({ kind: 'error_excerpt', text: `${'x'.repeat(80)}\nmore` })).toHaveLength(7 + 48);
    expect(attachmentText({ kind: 'run', pipeline: 'sales' })).toBe('Run of sales');
  });
});

describe('client', () => {
  const answering = (status: number, body: string): void => {
    globalThis.fetch = () => Promise.resolve(new Response(status === 204 ? null : body, { status }));
  };
  const thrown = async (): Promise<Trouble> => new Client().get('/x').then(() => { throw new Error('no trouble'); }, (t: Trouble) => t);

  it('reads a problem document', async () => {
    answering(422, JSON.stringify({ code: 'bad_plan', title: 'Bad', detail: '`x` is not there.', suggestion: 'Choose another.', problems: [{ pointer: '', code: 'c', message: 'm' }] }));
    expect(await thrown()).toMatchObject({ code: 'bad_plan', message: '`x` is not there.', suggestion: 'Choose another.', status: 422, problems: [{ code: 'c' }] });
  });
  it('has a sentence for an answer that is none', async () => {
    answering(502, '<html>');
    expect(await thrown()).toMatchObject({ message: 'The server answered with status 502.' });
  });
  it('knows offline, and says when nobody is signed in', async () => {
    globalThis.fetch = () => Promise.reject(new TypeError('failed'));
    expect((await thrown()).offline).toBe(true);
    answering(401, '{}');
    const client = new Client();
    let told = 0;
    client.onSignedOut = () => { told += 1; };
    await client.get('/x').catch(() => {});
    expect(told).toBe(1);
  });
  it('leaves empty filters out', () => {
    expect(queryText({ q: '', after: null, limit: 3, flag: false })).toBe('?limit=3&flag=false');
    expect(queryText({})).toBe('');
  });
});
