/** What the fake agent answers: a fixed script for a few requests, in the events that the real one would send. */
import { TABLES, planView } from './world.mjs';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function turn(house, conversation, frame, state) {
  const topic = `conversation/${conversation}`;
  const tell = (event) => house.topics.append(topic, event);
  const message = (state.messages = (state.messages ?? 0) + 2);
  const redacted = frame.text.replace(/password\s*(is|=|:)?\s*\S+/i, 'password [removed]');
  tell({ type: 'user_said', message: message - 1, text: redacted, attachments: frame.attachments ?? [] });
  if (redacted !== frame.text) tell({ type: 'secret_redacted', kinds: ['password'], text: 'A password was in your message. It was removed before anything was stored.' });
  state.cancelled = false;
  const say = async (text) => {
    for (const word of text.split(/(?<= )/)) {
      if (state.cancelled) return;
      tell({ type: 'text_delta', message, text: word });
      await sleep(house.pace);
    }
    tell({ type: 'message_ended', message });
  };
  const look = async (call, tool, title, view) => {
    tell({ type: 'tool_started', call: `${message}-${call}`, tool, title });
    await sleep(house.pace * 8);
    tell({ type: 'tool_ended', call: `${message}-${call}`, tool, outcome: 'ok', milliseconds: 12, view });
  };
  await answer(house, conversation, frame, { tell, say, look, state });
  tell({ type: 'turn_ended', outcome: state.cancelled ? 'cancelled' : 'done', message: null });
}

async function answer(house, conversation, frame, { tell, say, look, state }) {
  const text = frame.text.toLowerCase();
  if (state.pending && /^(yes|confirm|ok)\b/.test(text)) return house.confirm(conversation, state.pending.plan, state.pending.digest, state.pending.view.destructive, true);
  if (/why|fail/.test(text)) {
    await look(1, 'read_run', 'Reading the log of the run', { phase: 'failed', attempt: 1 });
    tell({ type: 'diagnosis', run: null, causes: [
      { code: 'auth_failed', title: 'The password of `shop_pg` is no longer accepted', confidence: 0.92, explanation: 'The source refused the login before a row was read.', evidence: ['FATAL: password authentication failed for user "etl"'], fixes: [{ text: 'Type the new password under Connections.', command: null, say: null }, { text: 'Or set a new one for the role.', command: 'ALTER ROLE etl PASSWORD \'…\';', say: null }, { text: 'Then run it again.', command: null, say: 'Run it again' }] },
      { code: 'pg_hba', title: 'This host is not allowed by `pg_hba.conf`', confidence: 0.2, explanation: 'A refused host reads much the same.', evidence: [], fixes: [] }] });
    return undefined;
  }
  if (/stop|delete/.test(text)) return tell({ type: 'action', id: `action-${Date.now()}`, action: 'stop_run', state: 'offered', on: 'customers to warehouse', text: 'I can stop the run of `customers to warehouse`. The progress of a full refresh is lost.', view: null });
  if (/what is in|connections|what can/.test(text)) {
    await look(1, 'list_connections', 'Listing the connections', { connections: house.connections.map(({ name, connector, roles }) => ({ name, connector, roles })) });
    await look(2, 'list_streams', 'Listing the streams of shop', { streams: Object.entries(TABLES).map(([stream, t]) => ({ stream, rows: t.rows })) });
    return say('The shop holds **four tables**:\n\n- `customers` with 1,204 rows\n- `products` with 310 rows\n- `orders` with 8,420 rows\n- `order_items` with 20,133 rows\n\nSay which of them should move, and where to. For example:\n\n```\nTransfer customers from the shop to the warehouse\n```');
  }
  if (/weather|poem/.test(text)) return tell({ type: 'out_of_scope', text: 'That is not this product’s work. I move data: say what should go where.' });
  const names = Object.keys(TABLES).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  if (names.length === 0) {
    await look(1, 'list_streams', 'Looking for the table in shop', { streams: Object.keys(TABLES).map((stream) => ({ stream })) });
    tell({ type: 'question', about: 'streams', text: 'The shop has no such table. Which one do you mean?', options: Object.entries(TABLES).map(([name, t]) => ({ label: name, say: `Transfer ${name} from the shop to the warehouse`, detail: `${t.rows} rows` })) });
    return undefined;
  }
  await look(1, 'describe_stream', `Reading the columns of ${names[0]}`, { columns: TABLES[names[0]].columns });
  await look(2, 'profile_stream', `Measuring ${names[0]}`, { cursor: 'updated_at', nulls: 0, distinct: 1204 });
  await say(`Here is a plan for ${names.map((n) => `\`${n}\``).join(' and ')}. Check it, then confirm.`);
  if (state.cancelled) return undefined;
  state.pending = { plan: `plan-${Date.now()}`, digest: `sha256:${'4be7'.repeat(16)}`, view: planView(names, { existing: house.existing, schedule: /every day|daily/.test(text) }) };
  house.plans.set(state.pending.plan, state.pending);
  return tell({ type: 'plan_proposed', ...state.pending });
}

/** Carries a run out, a tick at a time, on the topics of the run and of the conversation it came from. */
export async function carryOut(house, run, pipeline, conversation) {
  const tell = (event) => {
    house.topics.append(`run/${run.id}`, event);
    if (conversation !== null) house.topics.append(`conversation/${conversation}`, event);
  };
  const move = (phase) => { run.phase = phase; run.started_at ??= new Date().toISOString(); tell({ type: 'run_moved', run: run.id, pipeline: pipeline.id, phase, message: null, hint: null }); };
  const log = (level, stage, text, stream = null) => { run.log.push({ seq: run.log.length + 1, at: new Date().toISOString(), level, stage, stream, message: text }); tell({ type: 'run_log', run: run.id, level, stage, stream, message: text }); };
  for (const [phase, text] of [['initializing', 'Connectors are up'], ['analyzing', 'Schemas match the plan'], ['transferring', 'Reading']]) {
    move(phase);
    log('info', phase, text);
    await sleep(house.pace * 15);
  }
  const ticks = 10;
  for (let tick = 1; tick <= ticks && run.phase !== 'cancelling'; tick += 1) {
    for (const s of pipeline.streams) {
      const rows = TABLES[s.target]?.rows ?? 100;
      const written = Math.round((rows * tick) / ticks);
      const progress = { rows_read: written, rows_written: written, bytes: written * 88, rows_quarantined: tick === ticks && s.target === 'orders' ? 2 : 0, rows_per_second: rows / 2, percent: tick * 10, eta_seconds: Math.ceil((ticks - tick) / 4), done: tick === ticks };
      run.streams[s.target] = progress;
      tell({ type: 'run_progress', run: run.id, stream: s.target, progress });
    }
    run.rows_written = Object.values(run.streams).reduce((n, s) => n + s.rows_written, 0);
    run.bytes = run.rows_written * 88;
    log(tick === 7 ? 'warn' : 'debug', 'transferring', tick === 7 ? 'A value of amount does not fit; its row was set aside' : `Committed epoch ${tick}`, pipeline.streams[0].target);
    await sleep(house.pace * 10);
  }
  run.finished_at = new Date().toISOString();
  const cancelled = run.phase === 'cancelling';
  run.receipt = cancelled ? null : { run: run.id, pipeline: pipeline.id, plan_digest: 'sha256:4be7', started_at: run.started_at, finished_at: run.finished_at, outcome: 'completed', signature: 'ed25519:9a0b1c2d3e4f5061728394a5b6c7d8e9',
    streams: pipeline.streams.map((s) => { const rows = TABLES[s.target]?.rows ?? 100; return { stream: s.stream, target: s.target, read: s.read, write: s.write, rows_read: rows, rows_filtered: 0, rows_written: rows, rows_quarantined: s.target === 'orders' ? 2 : 0, rows_unchanged: null, target_rows_before: 0, target_rows_after: rows, bytes: rows * 88, cursor_from: null, cursor_to: s.read === 'incremental' ? '2026-06-01T00:00:00Z' : null, checksum: null, verdict: 'counted', zero_rows_reason: null, notes: [] }; }) };
  for (const s of pipeline.streams) house.existing.add(s.target);
  log('info', 'completed', cancelled ? 'Stopped' : 'Receipt written');
  move(cancelled ? 'cancelled' : 'completed');
  tell({ type: 'run_finished', run: run.id, phase: run.phase, receipt: run.receipt });
}
