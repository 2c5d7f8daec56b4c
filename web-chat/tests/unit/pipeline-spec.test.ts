import { expect, it } from 'vitest';
import { missing, toSpec, type PipelineForm } from '../../src/form/pipeline-spec.ts';

const form: PipelineForm = {
  name: '', source: 'shop', destination: 'warehouse', namespace: ' sales ', schedule: { cron: '0 2 * * *', timezone: 'UTC' },
  streams: [{ stream: 'main.customers', mode: 'incremental/merge', cursor: 'updated_at', key: ['id'] }, { stream: 'orders', mode: 'full/replace', cursor: 'ignored', key: ['id'] }],
};

it('is a plan of version 1', () => {
  expect(toSpec(form)).toEqual({
    version: 1, name: 'customers, orders to warehouse', source: { connection: 'shop' }, destination: { connection: 'warehouse', namespace: 'sales' },
    streams: [{ stream: 'main.customers', target: 'customers', read: 'incremental', write: 'merge', cursor: 'updated_at', key: ['id'] }, { stream: 'orders', target: 'orders', read: 'full', write: 'replace' }],
    schedule: { cron: '0 2 * * *', timezone: 'UTC' },
  });
  expect(toSpec({ ...form, schedule: null, namespace: '' })).not.toHaveProperty('schedule');
});

it('says what is missing, one thing at a time', () => {
  expect(missing(form)).toBeNull();
  expect(missing({ ...form, source: '' })).toContain('read from');
  expect(missing({ ...form, destination: '' })).toContain('write to');
  expect(missing({ ...form, streams: [] })).toContain('at least one');
  expect(missing({ ...form, streams: [{ stream: 's', mode: 'incremental/append', cursor: '', key: [] }] })).toContain('`s`');
});
