import { describe, expect, it } from 'vitest';
import { fieldsOf, humanise, initialValues, readForm } from '../../src/form/schema.ts';

const schema = {
  type: 'object',
  required: ['host', 'database', 'password'],
  properties: {
    host: { type: 'string', title: 'Host name', description: 'Where it listens.', examples: ['db.example.com'] },
    port: { type: 'integer', default: 5432, minimum: 1, maximum: 65535 },
    database: { type: 'string' },
    password: { type: 'string' },
    ssl_mode: { $ref: '#/$defs/Ssl', default: 'require' },
    schemas: { type: ['array', 'null'], items: { type: 'string' } },
    read_only: { type: 'boolean', default: true },
    extra: { type: 'object' },
    key: { anyOf: [{ type: 'string' }, { type: 'null' }], writeOnly: true },
    level: { oneOf: [{ const: 'low' }, { const: 'high' }] },
  },
  $defs: { Ssl: { type: 'string', enum: ['require', 'disable'] } },
};
const fields = fieldsOf(schema, ['password', 'token']);
const named = (name: string) => fields.find((f) => f.name === name);

describe('fieldsOf', () => {
  it('gives each setting its kind', () => {
    expect(Object.fromEntries(fields.map((f) => [f.name, f.kind]))).toEqual({
      host: 'text', port: 'number', database: 'text', password: 'secret', ssl_mode: 'choice', schemas: 'lines', read_only: 'flag', extra: 'json', key: 'secret', level: 'choice', token: 'secret',
    });
  });

  it('names, explains and places them', () => {
    expect(named('host')).toMatchObject({ label: 'Host name', help: 'Where it listens.', placeholder: 'db.example.com', required: true, advanced: false });
    expect(named('port')).toMatchObject({ initial: '5432', advanced: true, integer: true });
    expect(named('ssl_mode')?.choices).toEqual(['require', 'disable']);
    expect(named('level')?.choices).toEqual(['low', 'high']);
  });

  it('survives what is not a schema', () => {
    for (const value of [null, 3, 'x', {}, { properties: { a: 1 } }, { properties: { a: { $ref: '#/nowhere' } } }]) expect(() => fieldsOf(value)).not.toThrow();
  });

  it('follows a reference that goes round in a circle no further than it must', () => {
    expect(() => fieldsOf({ properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: { $ref: '#/$defs/A' } } })).not.toThrow();
  });
});

describe('readForm', () => {
  const typed = { ...initialValues(fields), host: ' h ', database: 'd', password: ' s3cret ', schemas: 'a\n\n b ', extra: '{"x":1}' };

  it('takes secrets apart from the rest, as they were typed', () => {
    const read = readForm(fields, typed);
    expect(read).toEqual({ ok: true, secrets: { password: ' s3cret ' }, config: { host: 'h', port: 5432, database: 'd', ssl_mode: 'require', schemas: ['a', 'b'], read_only: true, extra: { x: 1 } } });
    expect(JSON.stringify(read.ok && read.config)).not.toContain('s3cret');
  });

  it('says what is wrong, field by field', () => {
    const read = readForm(fields, { ...typed, host: '', port: '70000', extra: '{' });
    expect(read.ok ? [] : Object.keys(read.errors)).toEqual(['host', 'port', 'extra']);
  });

  it('wants a whole number where one is meant', () => {
    const read = readForm(fields, { ...typed, port: '1.5' });
    expect(read.ok ? '' : read.errors.port).toBe('Port is not a whole number.');
  });
});

it('never starts a secret with what is kept', () => {
  expect(initialValues(fields, { host: 'h', password: 'kept', port: 1 })).toMatchObject({ host: 'h', password: '', port: '1' });
});

it('humanise', () => {
  expect(['service_account_json', 'api_key', 'ssl-mode', 'url'].map(humanise)).toEqual(['Service account JSON', 'API key', 'SSL mode', 'URL']);
});
