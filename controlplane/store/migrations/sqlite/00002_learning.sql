-- What workloads do (profiles), and what broke rules by root cause (findings).

-- +goose Up
ALTER TABLE enforcer_groups ADD COLUMN learning BOOLEAN NOT NULL DEFAULT FALSE;

-- One row for each workload of a group: what runs from one image.
CREATE TABLE profiles (
  tenant       TEXT NOT NULL,
  group_name   TEXT NOT NULL,
  workload     TEXT NOT NULL,
  image        TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  first_seen   BIGINT NOT NULL,
  last_seen    BIGINT NOT NULL,
  last_new     BIGINT NOT NULL,
  observed_ns  BIGINT NOT NULL,
  starts       BIGINT NOT NULL,
  occurrences  BIGINT NOT NULL,
  dropped      BIGINT NOT NULL,
  max_tasks    BIGINT NOT NULL,
  PRIMARY KEY (tenant, group_name, workload)
);

-- What a workload does, each thing once. body is JSON (package learn, Item).
CREATE TABLE profile_items (
  tenant     TEXT NOT NULL,
  group_name TEXT NOT NULL,
  workload   TEXT NOT NULL,
  item_key   BIGINT NOT NULL,
  kind       TEXT NOT NULL,
  body       TEXT NOT NULL,
  n          BIGINT NOT NULL,
  starts     BIGINT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen  BIGINT NOT NULL,
  PRIMARY KEY (tenant, group_name, workload, item_key)
);

-- Up to which part the profile of an enforcer's start is committed.
CREATE TABLE profile_boots (
  tenant      TEXT NOT NULL,
  enforcer_id TEXT NOT NULL,
  boot_id     TEXT NOT NULL,
  sequence    BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  PRIMARY KEY (tenant, enforcer_id, boot_id)
);

-- One row for each root cause of events, kept in the same transaction as the
-- events. The counts are of all events that ever came, not of those that are
-- still stored.
CREATE TABLE findings (
  tenant       TEXT NOT NULL,
  item         BIGINT NOT NULL,
  control      TEXT NOT NULL,
  rule         TEXT NOT NULL,
  policy       TEXT NOT NULL,
  image        TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  executable   TEXT NOT NULL,
  object       TEXT NOT NULL,
  kind         TEXT NOT NULL,
  technique    TEXT NOT NULL,
  audited      BIGINT NOT NULL,
  denied       BIGINT NOT NULL,
  first_seen   BIGINT NOT NULL,
  last_seen    BIGINT NOT NULL,
  state        TEXT NOT NULL,
  reason       TEXT NOT NULL,
  changed_by   TEXT NOT NULL,
  changed_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  seen_then    BIGINT NOT NULL,
  version      BIGINT NOT NULL,
  PRIMARY KEY (tenant, item)
);
CREATE INDEX findings_seen ON findings (tenant, last_seen, item);

-- Where a root cause was met.
CREATE TABLE finding_places (
  tenant      TEXT NOT NULL,
  item        BIGINT NOT NULL,
  group_name  TEXT NOT NULL,
  enforcer_id TEXT NOT NULL,
  n           BIGINT NOT NULL,
  last_seen   BIGINT NOT NULL,
  PRIMARY KEY (tenant, item, group_name, enforcer_id)
);

ALTER TABLE events ADD COLUMN item BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_item ON events (tenant, item, at, seq);

-- +goose Down
DROP INDEX events_item;
ALTER TABLE events DROP COLUMN item;
DROP TABLE finding_places;
DROP TABLE findings;
DROP TABLE profile_boots;
DROP TABLE profile_items;
DROP TABLE profiles;
ALTER TABLE enforcer_groups DROP COLUMN learning;
