/** The fake workspace, and what can be done in it. Stands in for the server while the page is worked on. */
import { randomUUID } from 'node:crypto';
import { carryOut, turn } from './talk.mjs';
import { Topics } from './topics.mjs';
import { CONNECTORS, TABLES, planView, startingConnections } from './world.mjs';

export class House {
  topics = new Topics();
  connectors = CONNECTORS;
  connections = startingConnections();
  conversations = [];
  talks = new Map();
  plans = new Map();
  pipelines = [];
  runs = [];
  audit = [];
  existing = new Set();

  /** `pace` is the milliseconds between two words of an answer. */
  constructor({ pace = 25 } = {}) {
    this.pace = pace;
  }

  note(action, object) {
    this.audit.unshift({ at: new Date().toISOString(), actor: 'owner', action, object, detail: null });
  }

  begin() {
    const now = new Date().toISOString();
    const talk = { id: randomUUID(), title: null, created_at: now, updated_at: now, pending_plan: null };
    this.conversations.unshift(talk);
    this.talks.set(talk.id, {});
    return talk;
  }

  /** One frame from a client; answers the refusal, or nothing. */
  frame(id, frame) {
    const state = this.talks.get(id);
    const talk = this.conversations.find((c) => c.id === id);
    switch (frame.type) {
      case 'say':
        talk.title ??= frame.text.slice(0, 60);
        talk.updated_at = new Date().toISOString();
        void turn(this, id, frame, state);
        return null;
      case 'confirm': return this.confirm(id, frame.plan_id, frame.digest, frame.acknowledged, true);
      case 'dismiss':
        this.topics.append(`conversation/${id}`, { type: 'plan_dismissed', plan: frame.plan_id });
        state.pending = null;
        return null;
      case 'cancel_turn': state.cancelled = true; return null;
      case 'confirm_action': case 'dismiss_action':
        this.topics.append(`conversation/${id}`, { type: 'action', id: frame.action_id, action: 'stop_run', state: frame.type === 'confirm_action' ? 'done' : 'declined', on: null, text: frame.type === 'confirm_action' ? 'The run is stopping.' : 'Nothing was stopped.', view: null });
        return null;
      default: return { type: 'refused', code: 'unknown_frame', message: `There is no frame \`${frame.type}\`.`, suggestion: null };
    }
  }

  confirm(conversation, id, digest, acknowledged, start) {
    const plan = this.plans.get(id);
    if (plan === undefined || plan.digest !== digest) return { type: 'refused', code: 'stale_confirmation', message: 'The plan has changed since you saw it.', suggestion: 'Look at the newest plan and confirm that.' };
    const missing = plan.view.destructive.filter((target) => !acknowledged.includes(target));
    if (missing.length > 0) return { type: 'refused', code: 'not_acknowledged', message: `Replacing \`${missing[0]}\` was not acknowledged.`, suggestion: 'Tick its box first.' };
    const { view } = plan;
    const pipeline = { id: randomUUID(), name: view.name, source: view.source, destination: view.destination, streams: view.streams.map(({ stream, target, read, write }) => ({ stream, target, read, write })), schedule: view.schedule, paused: false, last_run: null, version: 1, created_at: new Date().toISOString() };
    this.pipelines.unshift(pipeline);
    this.note('pipeline.created', pipeline.name);
    const run = start ? this.enqueue(pipeline, 'confirm') : null;
    if (conversation !== null) {
      const state = this.talks.get(conversation);
      state.pending = null;
      this.topics.append(`conversation/${conversation}`, { type: 'plan_confirmed', plan: id, digest, by: 'owner', pipeline: pipeline.id, run: run?.id ?? null });
    }
    if (run !== null) void carryOut(this, run, pipeline, conversation);
    this.confirmed = { pipeline: pipeline.id, run: run?.id ?? null };
    return null;
  }

  propose(spec) {
    const plan = { plan: randomUUID(), digest: `sha256:${randomUUID()}`, view: planView(spec.streams.map((s) => s.target), { existing: this.existing, schedule: spec.schedule !== undefined }) };
    this.plans.set(plan.plan, plan);
    return plan;
  }

  enqueue(pipeline, trigger) {
    const run = { id: randomUUID(), pipeline: pipeline.id, pipeline_name: pipeline.name, phase: 'queued', attempt: 1, queued_at: new Date().toISOString(), started_at: null, finished_at: null, rows_written: 0, bytes: 0, error: null, streams: {}, trigger, log: [], receipt: null };
    this.runs.unshift(run);
    pipeline.last_run = run;
    this.note('run.started', pipeline.name);
    return run;
  }

  start(pipeline) {
    const run = this.enqueue(pipeline, 'manual');
    void carryOut(this, run, pipeline, null);
    return run;
  }

  streams(search) {
    return Object.entries(TABLES).filter(([name]) => name.includes(search)).map(([name, t]) => ({ stream: name, rows: t.rows, columns: t.columns.length, primary_key: t.primary_key, comment: null, readable: true }));
  }
}
