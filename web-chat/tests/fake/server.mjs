/**
 * A stand-in for the server: the same addresses, made-up data, nothing moves. It exists to work on the page without
 * building the server; the browser suite runs against the real one.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { House } from './house.mjs';
import { accept } from './websocket.mjs';
import { TABLES } from './world.mjs';

const CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

export function serve({ port = 0, dist, token = 'demo-token', pace }) {
  const house = new House({ pace });
  const server = createServer((request, response) => {
    void handle(house, request, response, { dist, token }).catch((error) => problem(response, 500, 'bug', String(error)));
  });
  server.on('upgrade', (request, socket) => upgrade(house, request, socket));
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done({ url: `http://127.0.0.1:${server.address().port}`, house, close: () => { server.closeAllConnections(); server.close(); } })));
}

async function handle(house, request, response, { dist, token }) {
  const url = new URL(request.url, 'http://host');
  if (!url.pathname.startsWith('/api/v1/')) return file(response, dist, url.pathname);
  const path = url.pathname.slice('/api/v1'.length);
  const body = await readBody(request);
  if (request.method === 'POST' && path === '/session') {
    if (body?.token !== token) return problem(response, 401, 'bad_token', 'This token is not valid, or it was used already.', 'Start the server again; it prints a new address.');
    response.writeHead(204, { 'set-cookie': 'towpath_session=yes; HttpOnly; SameSite=Strict; Path=/' });
    return response.end();
  }
  if (!/towpath_session=yes/.test(request.headers.cookie ?? '')) return problem(response, 401, 'not_signed_in', 'You are not signed in.', 'Open the address that the server printed.');
  for (const [method, pattern, answer] of routes) {
    const found = pattern.exec(path);
    if (request.method !== method || found === null) continue;
    const said = answer({ house, body: body ?? {}, query: url.searchParams, at: found.slice(1).map(decodeURIComponent), response });
    if (said === undefined) return undefined;
    response.writeHead(said === null ? 204 : 200, { 'content-type': 'application/json' });
    return response.end(said === null ? '' : JSON.stringify(said));
  }
  return problem(response, 404, 'not_found', `There is nothing at \`${path}\`.`);
}

const list = (items) => ({ items, next: null });
const pages = (items, query, size = 50) => {
  const limit = Number(query.get('limit') ?? size);
  const from = Number(query.get('after') ?? 0);
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
};
const view = ({ log, receipt, ...run }) => run;
const seen = (p) => ({ ...p, last_run: p.last_run === null ? null : view(p.last_run) });
const found = (cx, items, key = 'id') => items.find((i) => i[key] === cx.at[0]) ?? void problem(cx.response, 404, 'not_found', `There is no \`${cx.at[0]}\`.`);
const on = (items, work, key = 'id') => (cx) => { const item = found(cx, items(cx.house), key); return item === undefined ? undefined : work(item, cx); };
const pipelines = (h) => h.pipelines;
const runs = (h) => h.runs;
const connections = (h) => h.connections;

const routes = [
  ['GET', /^\/session$/, () => ({ actor: 'owner', workspace: 'main', scopes: ['admin'], model: { kind: 'builtin', name: 'builtin' } })],
  ['DELETE', /^\/session$/, ({ response }) => { response.writeHead(204, { 'set-cookie': 'towpath_session=; Max-Age=0; Path=/' }); response.end(); }],
  ['GET', /^\/connectors$/, ({ house, query }) => { const q = (query.get('q') ?? '').toLowerCase(); const role = query.get('role') ?? ''; return pages(house.connectors.filter((c) => (role === '' || c.roles.includes(role)) && [c.id, c.name.toLowerCase(), ...c.nicknames].some((n) => n.includes(q))), query); }],
  ['GET', /^\/connectors\/([^/]+)$/, on((h) => h.connectors, (c) => c)],
  ['GET', /^\/connections$/, ({ house }) => list(house.connections)],
  ['POST', /^\/connections$/, ({ house, body, response }) => {
    if (house.connections.some((c) => c.name === body.name)) return problem(response, 409, 'name_taken', `A connection \`${body.name}\` is there already.`, 'Choose another name.');
    const made = { id: body.name, name: body.name, label: null, connector: body.connector, roles: ['source', 'destination'], config: body.config, created_at: new Date().toISOString(), status: { state: 'unknown' } };
    house.connections.push(made);
    return made;
  }],
  ['PATCH', /^\/connections\/([^/]+)$/, on(connections, (c, { body }) => Object.assign(c, { config: body.config ?? c.config, name: body.name ?? c.name }), 'name')],
  ['DELETE', /^\/connections\/([^/]+)$/, on(connections, (c, { house }) => { house.connections = house.connections.filter((d) => d !== c); return null; }, 'name')],
  ['POST', /^\/connections\/([^/]+)\/check$/, on(connections, (c) => { c.status = c.connector === 'postgres' ? { state: 'failed', at: new Date().toISOString(), message: `\`${c.config.host}\` does not answer.`, hint: 'Check the host name, the port and the firewall.' } : { state: 'ok', at: new Date().toISOString() }; return { ...c.status, milliseconds: 7 }; }, 'name')],
  ['GET', /^\/connections\/([^/]+)\/streams$/, ({ house, query }) => pages(house.streams(query.get('search') ?? ''), query)],
  ['GET', /^\/connections\/[^/]+\/streams\/([^/]+)$/, ({ at }) => ({ stream: at[0], ...TABLES[at[0]] })],
  ['GET', /^\/conversations$/, ({ house }) => list(house.conversations)],
  ['POST', /^\/conversations$/, ({ house }) => house.begin()],
  ['GET', /^\/conversations\/([^/]+)$/, on((h) => h.conversations, (c) => c)],
  ['DELETE', /^\/conversations\/([^/]+)$/, on((h) => h.conversations, (c, { house }) => { house.conversations = house.conversations.filter((d) => d !== c); return null; })],
  ['POST', /^\/plans$/, ({ house, body }) => house.propose(body.spec)],
  ['POST', /^\/plans\/([^/]+)\/dismiss$/, () => null],
  ['POST', /^\/plans\/([^/]+)\/confirm$/, ({ house, body, at, response }) => { const refused = house.confirm(null, at[0], body.digest, body.acknowledged, body.run); return refused === null ? house.confirmed : problem(response, 409, refused.code, refused.message, refused.suggestion); }],
  ['GET', /^\/pipelines$/, ({ house }) => list(house.pipelines.map(seen))],
  ['GET', /^\/pipelines\/export$/, ({ house }) => ({ towpath: 1, pipelines: house.pipelines.map((p) => ({ name: p.name })) })],
  ['POST', /^\/pipelines\/import$/, () => ({ plans: [{ problems: [{ pointer: '/source/connection', code: 'unknown_connection', message: 'There is no connection `shop_pg`.', suggestion: 'Add it first.' }] }] })],
  ['GET', /^\/pipelines\/([^/]+)$/, on(pipelines, seen)],
  ['PATCH', /^\/pipelines\/([^/]+)$/, on(pipelines, (p, { body }) => { p.name = body.name; return seen(p); })],
  ['DELETE', /^\/pipelines\/([^/]+)$/, on(pipelines, (p, { house }) => { house.pipelines = house.pipelines.filter((q) => q !== p); return null; })],
  ['POST', /^\/pipelines\/([^/]+)\/run$/, on(pipelines, (p, { house }) => ({ run: house.start(p).id }))],
  ['POST', /^\/pipelines\/([^/]+)\/pause$/, on(pipelines, (p) => { p.paused = true; return seen(p); })],
  ['POST', /^\/pipelines\/([^/]+)\/resume$/, on(pipelines, (p) => { p.paused = false; return seen(p); })],
  ['PUT', /^\/pipelines\/([^/]+)\/schedule$/, on(pipelines, (p, { body }) => { p.schedule = body.schedule === null ? null : { text: `At ${body.schedule.cron}`, next: [new Date(Date.now() + 3.6e6).toISOString()], timezone: body.schedule.timezone, note: null }; return seen(p); })],
  ['GET', /^\/pipelines\/([^/]+)\/export$/, on(pipelines, (p) => ({ towpath: 1, pipelines: [{ name: p.name }] }))],
  ['GET', /^\/runs$/, ({ house, query }) => pages(house.runs.filter((r) => (!query.get('pipeline') || r.pipeline === query.get('pipeline')) && (!query.get('state') || r.phase === query.get('state'))).map(view), query)],
  ['GET', /^\/runs\/([^/]+)$/, on(runs, view)],
  ['GET', /^\/runs\/([^/]+)\/logs$/, on(runs, (r, { query }) => { const levels = ['debug', 'info', 'warn', 'error']; return list(r.log.filter((l) => l.seq > Number(query.get('after') ?? 0) && levels.indexOf(l.level) >= levels.indexOf(query.get('level') ?? 'debug'))); })],
  ['GET', /^\/runs\/([^/]+)\/receipt$/, on(runs, (r, { response }) => r.receipt ?? problem(response, 404, 'no_receipt', 'This run left no receipt.'))],
  ['POST', /^\/runs\/([^/]+)\/cancel$/, on(runs, (r) => { r.phase = 'cancelling'; return {}; })],
  ['GET', /^\/quarantine$/, ({ house, query }) => list((house.runs.find((r) => r.id === query.get('run'))?.streams.orders?.rows_quarantined ?? 0) > 0 ? [1, 2].map((n) => ({ id: `q${n}`, run: query.get('run'), stream: 'orders', reason: 'amount has 11 decimal places; the target keeps 9', position: n, row: JSON.stringify({ order_id: 4000 + n, amount: '1.12345678901' }), at: new Date().toISOString(), replayed_at: n === 1 ? new Date().toISOString() : null })) : [])],
  ['POST', /^\/quarantine\/(.*)$/, () => ({})],
  ['GET', /^\/runtimes$/, () => list([{ name: 'local', kind: 'local', state: 'ready', detail: 'Runs inside the server; 2 at a time.' }, { name: 'docker', kind: 'docker', state: 'unavailable', detail: 'No Docker socket was found.' }])],
  ['POST', /^\/runtimes\/([^/]+)\/check$/, ({ at }) => (at[0] === 'local' ? { state: 'ok', message: 'It answers.' } : { state: 'failed', message: 'The Docker socket does not answer.', hint: 'Start Docker, or set `DOCKER_HOST`.' })],
  ['GET', /^\/audit$/, ({ house, query }) => pages(house.audit, query)],
];

function upgrade(house, request, socket) {
  const url = new URL(request.url, 'http://host');
  const [, kind, id] = /^\/api\/v1\/(conversations|runs)\/([^/]+)\/ws$/.exec(url.pathname) ?? [];
  const known = kind === 'conversations' ? house.conversations.some((c) => c.id === id) : house.runs.some((r) => r.id === id);
  if (!known || !/towpath_session=yes/.test(request.headers.cookie ?? '')) return socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
  const peer = accept(request, socket);
  const stop = house.topics.follow(`${kind === 'runs' ? 'run' : 'conversation'}/${id}`, Number(url.searchParams.get('after') ?? 0), (envelope) => peer.send(JSON.stringify(envelope)));
  peer.onClose = stop;
  peer.onText = (text) => {
    const refused = house.frame(id, JSON.parse(text));
    if (refused) peer.send(JSON.stringify(refused));
  };
  return undefined;
}

function file(response, dist, path) {
  const wanted = join(dist, normalize(path));
  const real = path !== '/' && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(dist, 'index.html');
  response.writeHead(200, { 'content-type': TYPES[extname(real)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'cache-control': 'no-store' });
  createReadStream(real).pipe(response);
}

function problem(response, status, code, detail, suggestion = null) {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: 'about:blank', title: code, status, code, detail, suggestion }));
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? null : JSON.parse(text);
}
