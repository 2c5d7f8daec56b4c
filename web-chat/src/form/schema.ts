/**
 * A connector's settings as a form: JSON Schema in, fields out, and what was typed back into `config` and `secrets`.
 * Secrets travel apart from everything else and are never read back.
 */
import { isRecord } from '../protocol.ts';

export type FieldKind = 'text' | 'secret' | 'number' | 'flag' | 'choice' | 'lines' | 'json';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly help: string | null;
  readonly initial: string | boolean;
  readonly placeholder: string;
  readonly choices: readonly string[];
  readonly integer: boolean;
  readonly minimum: number | null;
  readonly maximum: number | null;
  /** A secret of several lines: a key file. */
  readonly long: boolean;
  /** Optional settings with a default wait behind "More settings". */
  readonly advanced: boolean;
}

type Schema = Readonly<Record<string, unknown>>;

export function fieldsOf(schema: unknown, secretFields: readonly string[] = []): readonly Field[] {
  const root = isRecord(schema) ? schema : {};
  const properties = isRecord(root.properties) ? root.properties : {};
  const required = new Set(Array.isArray(root.required) ? root.required.map(String) : []);
  const fields = Object.entries(properties).map(([name, raw]) => {
    const own = resolve(raw, root);
    return field(name, own, required.has(name), secretFields.includes(name) || own.writeOnly === true || own.airbyte_secret === true);
  });
  // A secret that the schema leaves out is still asked for.
  const missing = secretFields.filter((name) => !Object.hasOwn(properties, name)).map((name) => field(name, { type: 'string' }, required.has(name), true));
  return [...fields, ...missing];
}

/** Follows `$ref` within the document and takes the first branch of a nullable type. */
function resolve(raw: unknown, root: Schema, depth = 0): Schema {
  if (!isRecord(raw) || depth > 8) return {};
  if (typeof raw.$ref === 'string') {
    const target = raw.$ref.replace(/^#\//, '').split('/').reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), root);
    return { ...resolve(target, root, depth + 1), ...without(raw, '$ref') };
  }
  for (const union of ['anyOf', 'oneOf', 'allOf'] as const) {
    const branches = raw[union];
    if (!Array.isArray(branches)) continue;
    const real = branches.map((b) => resolve(b, root, depth + 1)).filter((b) => b.type !== 'null');
    const constants = real.map((b) => b.const).filter((c) => typeof c === 'string');
    if (constants.length > 1 && constants.length === real.length) return { type: 'string', enum: constants, ...without(raw, union) };
    const lists = real.map((b) => b.enum);
    if (lists.length > 1 && lists.every(Array.isArray)) return { type: 'string', enum: lists.flat(), ...without(raw, union) };
    if (real.length === 1 || union === 'allOf') return { ...real[0], ...without(raw, union) };
  }
  return raw;
}

function without(schema: Schema, key: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== key));
}

function field(name: string, schema: Schema, required: boolean, secret: boolean): Field {
  const type = typeOf(schema);
  const choices = Array.isArray(schema.enum) ? schema.enum.filter((c) => c !== null).map(String) : [];
  const textual = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const examples = Array.isArray(schema.examples) ? schema.examples : [];
  const kind = secret ? 'secret' : kindOf(type, choices, schema);
  return {
    name,
    label: textual(schema.title) ?? humanise(name),
    kind,
    required,
    help: textual(schema.description),
    initial: initialOf(kind, schema.default),
    placeholder: examples.length > 0 ? String(examples[0]) : '',
    choices,
    integer: type === 'integer',
    minimum: typeof schema.minimum === 'number' ? schema.minimum : null,
    maximum: typeof schema.maximum === 'number' ? schema.maximum : null,
    long: schema.multiline === true || /json|key|certificate|pem/i.test(name) && /BEGIN|PEM|JSON/i.test(textual(schema.description) ?? ''),
    advanced: !required && kind !== 'secret' && schema.default !== undefined && schema.default !== null,
  };
}

function typeOf(schema: Schema): string {
  if (typeof schema.type === 'string') return schema.type;
  if (Array.isArray(schema.type)) return schema.type.map(String).find((t) => t !== 'null') ?? 'string';
  return Array.isArray(schema.enum) ? 'string' : isRecord(schema.properties) ? 'object' : 'string';
}

function kindOf(type: string, choices: readonly string[], schema: Schema): FieldKind {
  if (choices.length > 0) return 'choice';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'boolean') return 'flag';
  if (type === 'array') {
    const items = isRecord(schema.items) ? typeOf(schema.items) : 'string';
    return items === 'string' ? 'lines' : 'json';
  }
  return type === 'object' ? 'json' : 'text';
}

function initialOf(kind: FieldKind, value: unknown): string | boolean {
  if (kind === 'flag') return value === true;
  if (kind === 'secret' || value === undefined || value === null) return '';
  if (kind === 'lines') return Array.isArray(value) ? value.map(String).join('\n') : '';
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

const SHORT_WORDS: Readonly<Record<string, string>> = { url: 'URL', uri: 'URI', id: 'ID', ssl: 'SSL', tls: 'TLS', api: 'API', db: 'database', dsn: 'DSN', ca: 'CA', json: 'JSON' };

export function humanise(name: string): string {
  const words = name.split(/[_\-\s]+/).map((word) => SHORT_WORDS[word.toLowerCase()] ?? word.toLowerCase());
  const text = words.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export type Typed = Readonly<Record<string, string | boolean>>;

export function initialValues(fields: readonly Field[], config: unknown = null): Record<string, string | boolean> {
  const have = isRecord(config) ? config : {};
  return Object.fromEntries(fields.map((f) => [f.name, have[f.name] === undefined ? f.initial : initialOf(f.kind, have[f.name])]));
}

export type Read =
  | { readonly ok: true; readonly config: Readonly<Record<string, unknown>>; readonly secrets: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly errors: Readonly<Record<string, string>> };

/** What was typed, as the server takes it; or what is wrong, field by field. An empty optional field is left out. */
export function readForm(fields: readonly Field[], typed: Typed): Read {
  const config: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  const errors: Record<string, string> = {};
  for (const f of fields) {
    const value = typed[f.name] ?? f.initial;
    if (typeof value === 'boolean') {
      config[f.name] = value;
      continue;
    }
    if (value.trim() === '') {
      if (f.required) errors[f.name] = `${f.label} is empty. Fill it in.`;
      continue;
    }
    if (f.kind === 'secret') {
      secrets[f.name] = value;
      continue;
    }
    const read = readValue(f, value.trim());
    if ('error' in read) errors[f.name] = read.error;
    else config[f.name] = read.value;
  }
  return Object.keys(errors).length > 0 ? { ok: false, errors } : { ok: true, config, secrets };
}

function readValue(f: Field, text: string): { readonly value: unknown } | { readonly error: string } {
  switch (f.kind) {
    case 'number': {
      const n = Number(text);
      if (!Number.isFinite(n) || (f.integer && !Number.isInteger(n))) return { error: `${f.label} is not a ${f.integer ? 'whole ' : ''}number.` };
      if (f.minimum !== null && n < f.minimum) return { error: `${f.label} is below ${f.minimum}, the least it can be.` };
      if (f.maximum !== null && n > f.maximum) return { error: `${f.label} is above ${f.maximum}, the most it can be.` };
      return { value: n };
    }
    case 'lines':
      return { value: text.split('\n').map((line) => line.trim()).filter((line) => line !== '') };
    case 'json':
      try {
        return { value: JSON.parse(text) as unknown };
      } catch {
        return { error: `${f.label} is not JSON. Write it as {"name": "value"}.` };
      }
    default:
      return { value: text };
  }
}
