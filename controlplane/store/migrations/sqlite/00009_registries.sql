-- Registries, what was found in them, and which push notifications were read.

-- +goose Up
-- document is JSON (spec.Spec); sealed and webhook are under the master key.
CREATE TABLE registries (
  tenant        TEXT NOT NULL,
  id            TEXT NOT NULL,
  name          TEXT NOT NULL,
  description   TEXT NOT NULL,
  type          TEXT NOT NULL,
  document      TEXT NOT NULL,
  sealed        BLOB NOT NULL,
  secrets       TEXT NOT NULL,
  webhook       BLOB NOT NULL,
  version       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  updated_by    TEXT NOT NULL,
  next_sync     BIGINT NOT NULL,
  syncing_until BIGINT NOT NULL,
  syncing_by    TEXT NOT NULL,
  synced_at     BIGINT NOT NULL,
  sync_took     BIGINT NOT NULL,
  sync_state    TEXT NOT NULL,
  sync_kind     TEXT NOT NULL,
  sync_error    TEXT NOT NULL,
  repositories  BIGINT NOT NULL,
  tags          BIGINT NOT NULL,
  gone          BIGINT NOT NULL,
  enqueued      BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX registries_name ON registries (tenant, name);
CREATE UNIQUE INDEX registries_id ON registries (id);
CREATE INDEX registries_due ON registries (next_sync, id);

CREATE TABLE registry_repositories (
  tenant      TEXT NOT NULL,
  registry_id TEXT NOT NULL,
  repository  TEXT NOT NULL,
  selected    BOOLEAN NOT NULL,
  first_seen  BIGINT NOT NULL,
  last_seen   BIGINT NOT NULL,
  gone_at     BIGINT NOT NULL,
  PRIMARY KEY (tenant, registry_id, repository)
);

CREATE TABLE registry_tags (
  tenant      TEXT NOT NULL,
  registry_id TEXT NOT NULL,
  repository  TEXT NOT NULL,
  tag         TEXT NOT NULL,
  digest      TEXT NOT NULL,
  platforms   TEXT NOT NULL,
  created     BIGINT NOT NULL,
  selected    BOOLEAN NOT NULL,
  first_seen  BIGINT NOT NULL,
  last_seen   BIGINT NOT NULL,
  gone_at     BIGINT NOT NULL,
  enqueued_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, registry_id, repository, tag)
);

CREATE TABLE registry_deliveries (
  tenant      TEXT NOT NULL,
  registry_id TEXT NOT NULL,
  digest      TEXT NOT NULL,
  at          BIGINT NOT NULL,
  PRIMARY KEY (tenant, registry_id, digest)
);
CREATE INDEX registry_deliveries_at ON registry_deliveries (at);

-- +goose Down
DROP TABLE registry_deliveries;
DROP TABLE registry_tags;
DROP TABLE registry_repositories;
DROP TABLE registries;
