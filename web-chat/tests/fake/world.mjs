/** A small workspace: what the fake server starts with. */
const column = (name, type, nullable = false, indexed = false) => ({ name, type, nullable, indexed, comment: null });

export const TABLES = {
  customers: { rows: 1204, primary_key: ['customer_id'], columns: [column('customer_id', 'INTEGER', false, true), column('full_name', 'TEXT'), column('email', 'TEXT', true, true), column('status', 'TEXT'), column('updated_at', 'TIMESTAMP', false, true)] },
  products: { rows: 310, primary_key: ['product_id'], columns: [column('product_id', 'INTEGER', false, true), column('title', 'TEXT'), column('price', 'NUMERIC')] },
  orders: { rows: 8420, primary_key: ['order_id'], columns: [column('order_id', 'INTEGER', false, true), column('customer_id', 'INTEGER', false, true), column('amount', 'NUMERIC'), column('placed_at', 'TIMESTAMP', false, true), column('payload', 'JSON', true)] },
  order_items: { rows: 20133, primary_key: ['order_id', 'line'], columns: [column('order_id', 'INTEGER'), column('line', 'INTEGER'), column('product_id', 'INTEGER'), column('quantity', 'INTEGER')] },
};

export const CONNECTORS = [
  { id: 'sqlite', name: 'SQLite', kind: 'database', roles: ['source', 'destination'], native: true, description: 'A SQLite database file.', nicknames: ['sqlite3'], secret_fields: [],
    config_schema: { type: 'object', required: ['path'], properties: { path: { type: 'string', title: 'File', description: 'Path of the database file on the server.', examples: ['/data/shop.db'] }, read_only: { type: 'boolean', default: true, description: 'Open it without write access.' } } } },
  { id: 'duckdb', name: 'DuckDB', kind: 'warehouse', roles: ['source', 'destination'], native: true, description: 'A DuckDB file for analysis.', nicknames: [], secret_fields: [],
    config_schema: { type: 'object', required: ['path'], properties: { path: { type: 'string', title: 'File' }, memory_limit: { type: 'string', default: '1GB' } } } },
  { id: 'files', name: 'Files', kind: 'files', roles: ['source', 'destination'], native: true, description: 'CSV, JSON and Parquet in a folder.', nicknames: ['csv', 'parquet'], secret_fields: [],
    config_schema: { type: 'object', required: ['root'], properties: { root: { type: 'string' }, format: { type: 'string', enum: ['parquet', 'csv', 'json'], default: 'parquet' } } } },
  { id: 'postgres', name: 'PostgreSQL', kind: 'database', roles: ['source', 'destination'], native: true, description: 'Reads by COPY and logical replication; writes by COPY.', nicknames: ['pg', 'postgresql'], secret_fields: ['password'],
    config_schema: { type: 'object', required: ['host', 'database', 'user', 'password'], properties: { host: { type: 'string', examples: ['db.example.com'] }, port: { type: 'integer', default: 5432, minimum: 1, maximum: 65535 }, database: { type: 'string' }, user: { type: 'string' }, password: { type: 'string' }, ssl_mode: { type: 'string', enum: ['require', 'verify-full', 'disable'], default: 'require', title: 'TLS', description: '`verify-full` also checks the server’s name.' }, schemas: { type: ['array', 'null'], items: { type: 'string' }, default: ['public'] } } } },
  { id: 'mysql', name: 'MySQL', kind: 'database', roles: ['source', 'destination'], native: true, description: 'Reads in key ranges or from the binary log.', nicknames: ['mariadb'], secret_fields: ['password'], config_schema: { type: 'object', required: ['host'], properties: { host: { type: 'string' }, password: { type: 'string' } } } },
  { id: 'bigquery', name: 'BigQuery', kind: 'warehouse', roles: ['source', 'destination'], native: true, description: 'Load jobs from staged Parquet.', nicknames: ['bq'], secret_fields: ['service_account_json'], config_schema: { type: 'object', required: ['project'], properties: { project: { type: 'string' } } } },
  { id: 's3', name: 'Amazon S3', kind: 'object_store', roles: ['source', 'destination'], native: true, description: 'Objects in a bucket.', nicknames: [], secret_fields: ['secret_access_key'], config_schema: { type: 'object', required: ['bucket'], properties: { bucket: { type: 'string' } } } },
  ...['Stripe', 'HubSpot', 'GitHub', 'Salesforce', 'Zendesk', 'Shopify', 'Intercom', 'Mixpanel', 'Notion', 'Jira', 'Asana', 'Airtable', 'Klaviyo', 'Marketo', 'Twilio', 'Xero', 'Braintree', 'Chargebee', 'Greenhouse', 'Linear']
    .map((name) => ({ id: name.toLowerCase(), name, kind: 'api', roles: ['source'], native: false, description: `${name} through its API.`, nicknames: [], secret_fields: ['api_key'], config_schema: { type: 'object', required: ['api_key'], properties: { api_key: { type: 'string' } } } })),
];

const now = () => new Date().toISOString();

export function startingConnections() {
  const ok = () => ({ state: 'ok', at: now(), message: null, hint: null });
  return [
    { id: 'c1', name: 'shop', label: 'Demo shop', connector: 'sqlite', roles: ['source'], config: { path: '/demo/shop.db', read_only: true }, created_at: now(), status: ok() },
    { id: 'c2', name: 'warehouse', label: 'Demo warehouse', connector: 'duckdb', roles: ['destination'], config: { path: '/demo/warehouse.duckdb' }, created_at: now(), status: ok() },
    { id: 'c3', name: 'lake', label: null, connector: 'files', roles: ['source', 'destination'], config: { root: '/demo/lake', format: 'parquet' }, created_at: now(), status: { state: 'unknown', at: null, message: null, hint: null } },
  ];
}

const TARGET_TYPES = { INTEGER: ['BIGINT', 'exact', null], TEXT: ['VARCHAR', 'exact', null], TIMESTAMP: ['TIMESTAMP', 'lossless', 'kept as UTC'], NUMERIC: ['DECIMAL(38,9)', 'lossy', 'digits after the ninth decimal place are refused and set aside'], JSON: ['VARCHAR', 'lossless', 'kept as JSON text'] };

export function planView(names, { existing, schedule }) {
  const streams = names.map((name) => {
    const table = TABLES[name];
    const incremental = table.columns.some((c) => c.name === 'updated_at');
    return {
      stream: `main.${name}`, target: name, read: incremental ? 'incremental' : 'full', write: incremental ? 'merge' : 'replace', cursor: incremental ? 'updated_at' : null,
      key: table.primary_key, filter: null, rows: table.rows, bytes: table.rows * 88,
      columns: table.columns.map((c) => { const [target_type, verdict, note] = TARGET_TYPES[c.type]; return { source: c.name, source_type: c.type, target: c.name, target_type, verdict, note, change: null }; }),
      evidence: incremental ? [{ code: 'cursor_not_null', text: '`updated_at` has no NULL in 1,204 rows and is indexed.' }, { code: 'key_unique', text: '`customer_id` is unique.' }] : [{ code: 'no_cursor', text: 'No column marks when a row changed, so every row is read.' }],
    };
  });
  const destructive = streams.filter((s) => s.write === 'replace' && existing.has(s.target)).map((s) => s.target);
  return {
    name: `${names.join(' and ')} to warehouse`, spec: { version: 1, name: `${names.join(' and ')} to warehouse`, source: { connection: 'shop' }, destination: { connection: 'warehouse', namespace: 'main' }, streams: streams.map(({ stream, target, read, write, cursor, key }) => ({ stream, target, read, write, cursor, key })) },
    source: { connection: 'shop', connector: 'sqlite', label: 'Demo shop', namespace: null }, destination: { connection: 'warehouse', connector: 'duckdb', label: 'Demo warehouse', namespace: 'main' },
    streams, effects: streams.flatMap((s) => [
      { kind: 'read', object: s.stream, text: `Read every row of \`${s.stream}\``, destructive: false, rows: s.rows },
      destructive.includes(s.target) ? { kind: 'replace', object: s.target, text: `Replace the table \`${s.target}\``, destructive: true, rows: s.rows }
        : existing.has(s.target) ? { kind: 'merge', object: s.target, text: `Merge into \`${s.target}\` by its key`, destructive: false, rows: null } : { kind: 'create', object: s.target, text: `Create the table \`${s.target}\``, destructive: false, rows: null }]),
    schedule: schedule ? { text: 'Every day at 02:00', next: [1, 2, 3].map((d) => { const t = new Date(); t.setUTCDate(t.getUTCDate() + d); t.setUTCHours(2, 0, 0, 0); return t.toISOString(); }), timezone: 'UTC', note: null } : null,
    assumptions: [{ slot: 'destination.namespace', text: 'No schema was named, so it goes to `main`.' }], warnings: names.includes('orders') ? [{ pointer: '/streams/1', code: 'lossy_type', message: '`amount` has no stated precision; values with more than nine decimal places are set aside.', suggestion: 'Say “cast amount to text” to keep every digit.' }] : [],
    destructive, rows: streams.reduce((n, s) => n + s.rows, 0), bytes: streams.reduce((n, s) => n + s.bytes, 0), estimated_seconds: 3,
  };
}
