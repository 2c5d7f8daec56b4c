-- Portable between SQLite and PostgreSQL: bigint and text only; booleans are 0 or 1, times RFC 3339 UTC text, JSON text.

create table workspaces (
    id text primary key,
    name text not null,
    settings text not null default '{}',
    created_at text not null
);
insert into workspaces (id, name, created_at) values ('main', 'Main', '2026-01-01T00:00:00Z');

-- Keys that outlive a change of the vault's key: for masks and receipts.
create table workspace_keys (
    workspace text not null references workspaces (id),
    purpose text not null,            -- mask, receipt
    sealed text not null,
    primary key (workspace, purpose)
);

create table connections (
    id text primary key,
    workspace text not null references workspaces (id),
    name text not null,
    label text,
    connector text not null,
    roles text not null,              -- JSON array of source, destination
    config text not null,             -- JSON object without secrets
    secrets text not null,            -- JSON object of sealed texts, by field
    status text not null default '{"state":"unknown"}',
    created_at text not null,
    updated_at text not null,
    unique (workspace, name)
);

create table conversations (
    id text primary key,
    workspace text not null references workspaces (id),
    title text not null,
    created_at text not null,
    updated_at text not null
);

-- What the model sees of a talk: one row per message, in order.
create table messages (
    conversation text not null references conversations (id) on delete cascade,
    seq bigint not null,
    role text not null,               -- user, assistant, tool
    body text not null,               -- JSON, as agent::transcript writes it
    created_at text not null,
    primary key (conversation, seq)
);

create table events (
    topic text not null,              -- conversation:ID or run:ID
    seq bigint not null,
    at text not null,
    body text not null,
    primary key (topic, seq)
);

create table plans (
    id text primary key,
    workspace text not null references workspaces (id),
    conversation text,
    pipeline text,                    -- set when the plan revises one
    digest text not null,
    document text not null,           -- JSON: spec, resolution, preview: all that the digest covers
    state text not null,              -- proposed, confirmed, dismissed, superseded
    confirmation text,                -- JSON: by, at, digest, acknowledged
    created_at text not null
);

create table pipelines (
    id text primary key,
    workspace text not null references workspaces (id),
    name text not null,
    plan text not null references plans (id),
    version bigint not null,
    paused bigint not null default 0,
    deleted_at text,
    created_at text not null,
    updated_at text not null
);

create table pipeline_versions (
    pipeline text not null references pipelines (id),
    version bigint not null,
    plan text not null references plans (id),
    created_at text not null,
    primary key (pipeline, version)
);

create table runs (
    id text primary key,
    workspace text not null references workspaces (id),
    pipeline text not null references pipelines (id),
    plan text not null references plans (id),
    cause text not null,              -- confirm, schedule, manual, api
    caused_by text not null,
    conversation text,
    state text not null,              -- JSON, as runner::state writes it
    phase text not null,              -- the wire's word for it, to list by
    version bigint not null,          -- compare-and-set
    progress text not null default '{}',
    error text,                       -- JSON: kind, message, hint, stream
    receipt text,
    lease_owner text,
    lease_until text,
    queued_at text not null,
    started_at text,
    finished_at text
);
create index runs_by_pipeline on runs (pipeline, queued_at);
create index runs_by_phase on runs (phase);
-- A pipeline has at most one run that has not ended: the insert of a second one is refused.
create unique index runs_alive on runs (pipeline) where finished_at is null;

create table checkpoints (
    run text not null references runs (id) on delete cascade,
    stream text not null,
    epoch bigint not null,
    cursor text,
    last bigint not null,
    rows bigint not null,
    at text not null,
    primary key (run, stream)
);

create table run_logs (
    run text not null references runs (id) on delete cascade,
    seq bigint not null,
    at text not null,
    level text not null,
    stage text not null,
    stream text,
    message text not null,
    primary key (run, seq)
);

create table quarantine (
    id text primary key,
    workspace text not null references workspaces (id),
    run text not null references runs (id),
    pipeline text not null references pipelines (id),
    stream text not null,
    epoch bigint not null,            -- the commit that covers it
    position text not null,
    code text not null,
    reason text not null,
    row_text text,
    at text not null,
    replayed_at text
);
create index quarantine_by_run on quarantine (run, stream, epoch);

create table schedules (
    pipeline text primary key references pipelines (id),
    schedule text not null,           -- JSON, as in the plan
    next_fire text,
    last_fire text,
    updated_at text not null
);

create table actions (
    id text primary key,
    workspace text not null references workspaces (id),
    conversation text,
    action text not null,
    object text not null,             -- JSON: pipeline, run
    state text not null,              -- offered, done, declined
    created_at text not null,
    decided_by text,
    decided_at text
);

create table api_keys (
    id text primary key,
    workspace text not null references workspaces (id),
    name text not null,
    scope text not null,
    hash text not null unique,        -- SHA-256 of a key with 256 random bits
    created_at text not null,
    last_used_at text,
    revoked_at text
);

create table sessions (
    hash text primary key,            -- SHA-256 of the cookie
    workspace text not null references workspaces (id),
    actor text not null,
    scope text not null,
    created_at text not null,
    expires_at text not null
);

create table audit (
    id text primary key,
    workspace text not null references workspaces (id),
    at text not null,
    actor text not null,
    action text not null,
    object text not null,
    detail text not null
);
create index audit_by_time on audit (workspace, at);

-- What each turn saw and did.
create table turns (
    id text primary key,
    conversation text not null references conversations (id) on delete cascade,
    model text not null,
    prompt_digest text not null,
    started_at text not null,
    finished_at text,
    outcome text,
    trace text not null               -- JSON: tool calls, times, tokens
);
