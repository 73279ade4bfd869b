-- Assurance policies have revisions as runtime policies have; exceptions are
-- objects that are asked for and approved; kept verdicts know when they were
-- judged, to be judged again after a change.

-- +goose Up
ALTER TABLE assurance_policies RENAME COLUMN version TO revision;
ALTER TABLE policy_revisions ADD COLUMN note TEXT NOT NULL DEFAULT '';
CREATE TABLE assurance_policy_revisions (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  revision   BIGINT NOT NULL,
  yaml       TEXT NOT NULL,
  document   TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  note       TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, name, revision)
);
INSERT INTO assurance_policy_revisions (tenant, name, revision, yaml, document, updated_at, updated_by)
  SELECT tenant, name, revision, yaml, document, updated_at, updated_by FROM assurance_policies;

-- state: requested, approved, refused or revoked; an approved one beyond
-- expires_at has expired. document is the document as JSON.
CREATE TABLE exceptions (
  tenant       TEXT NOT NULL,
  name         TEXT NOT NULL,
  yaml         TEXT NOT NULL,
  document     TEXT NOT NULL,
  state        TEXT NOT NULL,
  owner        TEXT NOT NULL,
  expires_at   BIGINT NOT NULL,
  requested_by TEXT NOT NULL,
  requested_as TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  decided_by   TEXT NOT NULL,
  decided_at   BIGINT NOT NULL,
  comment      TEXT NOT NULL,
  version      BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);
CREATE INDEX exceptions_list ON exceptions (tenant, expires_at, name);
CREATE INDEX exceptions_state ON exceptions (tenant, state, expires_at, name);

-- When something last changed that verdicts rest on.
CREATE TABLE assurance_changes (
  tenant     TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (tenant)
);
ALTER TABLE artifacts ADD COLUMN judged_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX artifacts_judged ON artifacts (tenant, judged_at, id);

-- +goose Down
DROP INDEX artifacts_judged;
ALTER TABLE artifacts DROP COLUMN judged_at;
DROP TABLE assurance_changes;
DROP TABLE exceptions;
DROP TABLE assurance_policy_revisions;
ALTER TABLE policy_revisions DROP COLUMN note;
ALTER TABLE assurance_policies RENAME COLUMN revision TO version;
