-- Every table that holds what belongs to somebody carries a tenant, and its
-- primary key starts with it. Times are UTC nanoseconds since 1970.

-- +goose Up
CREATE TABLE tenants (
  id         TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL
);

-- Facts of the install itself: epoch, setup code. They belong to no tenant.
CREATE TABLE install (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Private keys, sealed under the master key (package authority).
CREATE TABLE keys (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  sealed     BYTEA NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE users (
  tenant        TEXT NOT NULL,
  username      TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  roles         TEXT NOT NULL,
  version       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  last_login_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, username)
);

CREATE TABLE sessions (
  tenant     TEXT NOT NULL,
  username   TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  data       BYTEA NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (token_hash)
);
CREATE INDEX sessions_user ON sessions (tenant, username);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
  tenant       TEXT NOT NULL,
  id           TEXT NOT NULL,
  name         TEXT NOT NULL,
  prefix       TEXT NOT NULL,
  hash         TEXT NOT NULL UNIQUE,
  roles        TEXT NOT NULL,
  created_by   TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE audit (
  tenant      TEXT NOT NULL,
  id          TEXT NOT NULL,
  at          BIGINT NOT NULL,
  actor       TEXT NOT NULL,
  action      TEXT NOT NULL,
  object_kind TEXT NOT NULL,
  object_name TEXT NOT NULL,
  before      TEXT NOT NULL,
  after       TEXT NOT NULL,
  remote_addr TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_object ON audit (tenant, object_kind, object_name, id);

CREATE TABLE policies (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  yaml       TEXT NOT NULL,
  document   TEXT NOT NULL,
  revision   BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE policy_revisions (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  revision   BIGINT NOT NULL,
  yaml       TEXT NOT NULL,
  document   TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, name, revision)
);

CREATE TABLE enforcer_groups (
  tenant       TEXT NOT NULL,
  name         TEXT NOT NULL,
  description  TEXT NOT NULL,
  mode         TEXT NOT NULL,
  labels       TEXT NOT NULL,
  on_no_policy TEXT NOT NULL,
  version      BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE group_policies (
  tenant      TEXT NOT NULL,
  group_name  TEXT NOT NULL,
  policy_name TEXT NOT NULL,
  position    BIGINT NOT NULL,
  assigned_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, group_name, policy_name)
);
CREATE INDEX group_policies_policy ON group_policies (tenant, policy_name);

CREATE TABLE join_tokens (
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  group_name TEXT NOT NULL,
  prefix     TEXT NOT NULL,
  hash       TEXT NOT NULL UNIQUE,
  max_uses   BIGINT NOT NULL,
  uses_left  BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX join_tokens_group ON join_tokens (tenant, group_name);

-- Signed bundles. number rises by one for each of a group within an epoch.
CREATE TABLE bundles (
  tenant     TEXT NOT NULL,
  group_name TEXT NOT NULL,
  epoch      BIGINT NOT NULL,
  number     BIGINT NOT NULL,
  digest     TEXT NOT NULL,
  data       BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, group_name, epoch, number)
);

CREATE TABLE enforcers (
  tenant           TEXT NOT NULL,
  id               TEXT NOT NULL,
  group_name       TEXT NOT NULL,
  kind             TEXT NOT NULL,
  hostname         TEXT NOT NULL,
  image            TEXT NOT NULL,
  image_digest     TEXT NOT NULL,
  claimed          BOOLEAN NOT NULL,
  labels           TEXT NOT NULL,
  version          TEXT NOT NULL,
  rung             TEXT NOT NULL,
  kernel           TEXT NOT NULL,
  arch             TEXT NOT NULL,
  boot_id          TEXT NOT NULL,
  remote_addr      TEXT NOT NULL,
  stopping         BOOLEAN NOT NULL,
  tasks            BIGINT NOT NULL,
  controls         TEXT NOT NULL,
  facilities       TEXT NOT NULL,
  bundle_epoch     BIGINT NOT NULL,
  bundle_number    BIGINT NOT NULL,
  events_generated BIGINT NOT NULL,
  events_acked     BIGINT NOT NULL,
  events_dropped   BIGINT NOT NULL,
  events_spooled   BIGINT NOT NULL,
  skew_ns          BIGINT NOT NULL,
  first_seen       BIGINT NOT NULL,
  last_seen        BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX enforcers_group ON enforcers (tenant, group_name, id);
CREATE INDEX enforcers_seen ON enforcers (tenant, last_seen);

-- Enforcers that were removed by a person: their certificates are refused
-- until they have expired.
CREATE TABLE revoked_enforcers (
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  revoked_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- Events. seq is the order of commit; at is observed_at held inside what the
-- receiver can believe (package ingest).
CREATE TABLE events (
  seq          BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  tenant       TEXT NOT NULL,
  enforcer_id  TEXT NOT NULL,
  boot_id      TEXT NOT NULL,
  sequence     BIGINT NOT NULL,
  id           TEXT NOT NULL,
  at           BIGINT NOT NULL,
  observed_at  BIGINT NOT NULL,
  received_at  BIGINT NOT NULL,
  group_name   TEXT NOT NULL,
  kind         TEXT NOT NULL,
  verdict      TEXT NOT NULL,
  control      TEXT NOT NULL,
  image        TEXT NOT NULL,
  search       TEXT NOT NULL,
  payload      BYTEA NOT NULL
);
CREATE UNIQUE INDEX events_key ON events (tenant, enforcer_id, boot_id, sequence);
CREATE INDEX events_id ON events (tenant, id);
CREATE INDEX events_at ON events (tenant, at, seq);
CREATE INDEX events_enforcer ON events (tenant, enforcer_id, at, seq);
CREATE INDEX events_group ON events (tenant, group_name, at, seq);
CREATE INDEX events_control ON events (tenant, control, at, seq);
CREATE INDEX events_verdict ON events (tenant, verdict, at, seq);
CREATE INDEX events_image ON events (tenant, image, at, seq);

-- Counts of events, kept in the same transaction as the events: all of them
-- by minute (dimension ''), and by control and by image by hour.
CREATE TABLE event_counts (
  tenant     TEXT NOT NULL,
  dimension  TEXT NOT NULL,
  span       BIGINT NOT NULL,
  name       TEXT NOT NULL,
  group_name TEXT NOT NULL,
  verdict    TEXT NOT NULL,
  n          BIGINT NOT NULL,
  PRIMARY KEY (tenant, dimension, span, name, group_name, verdict)
);

-- +goose Down
DROP TABLE event_counts;
DROP TABLE events;
DROP TABLE revoked_enforcers;
DROP TABLE enforcers;
DROP TABLE bundles;
DROP TABLE join_tokens;
DROP TABLE group_policies;
DROP TABLE enforcer_groups;
DROP TABLE policy_revisions;
DROP TABLE policies;
DROP TABLE audit;
DROP TABLE api_tokens;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE keys;
DROP TABLE install;
DROP TABLE tenants;
