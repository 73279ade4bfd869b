-- The scan queue: what is to be scanned, by whom it is leased, how it ended.
-- River's own tables (river_job and others) are made by River's migrations when
-- the queue opens; river_id names the row there.

-- +goose Up
CREATE TABLE scan_jobs (
  tenant      TEXT NOT NULL,
  id          TEXT NOT NULL,
  river_id    BIGINT NOT NULL,
  state       TEXT NOT NULL,
  registry    TEXT NOT NULL,
  reference   TEXT NOT NULL,
  platform    TEXT NOT NULL,
  reason      TEXT NOT NULL,
  labels      TEXT NOT NULL,
  priority    BIGINT NOT NULL,
  attempts    BIGINT NOT NULL,
  failures    BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  created_by  TEXT NOT NULL,
  run_at      BIGINT NOT NULL,
  lease       TEXT NOT NULL,
  worker      TEXT NOT NULL,
  leased_at   BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  done        BIGINT NOT NULL,
  of          BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  error       TEXT NOT NULL,
  scan_id     TEXT NOT NULL,
  artifact_id TEXT NOT NULL,
  result      TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
-- The same image waits once.
CREATE UNIQUE INDEX scan_jobs_waiting ON scan_jobs (tenant, reference, platform) WHERE state = 'waiting';
CREATE INDEX scan_jobs_state ON scan_jobs (tenant, state, id);
CREATE INDEX scan_jobs_lease ON scan_jobs (tenant, lease) WHERE lease <> '';
CREATE INDEX scan_jobs_expiry ON scan_jobs (expires_at) WHERE state = 'leased';
CREATE INDEX scan_jobs_finished ON scan_jobs (tenant, finished_at) WHERE finished_at > 0;

-- Who was seen asking for work.
CREATE TABLE scan_workers (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  version    TEXT NOT NULL,
  address    TEXT NOT NULL,
  slots      BIGINT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen  BIGINT NOT NULL,
  done       BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- Pieces of reports on their way: gone when the lease ends.
CREATE TABLE scan_deliveries (
  tenant TEXT NOT NULL,
  lease  TEXT NOT NULL,
  piece  BIGINT NOT NULL,
  data   BLOB NOT NULL,
  PRIMARY KEY (tenant, lease, piece)
);

-- +goose Down
DROP TABLE scan_deliveries;
DROP TABLE scan_workers;
DROP TABLE scan_jobs;
