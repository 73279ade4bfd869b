-- What the console's pages of the inventory ask for: repositories, risk, what
-- runs, where a pipeline made a scan, and a row for each day.

-- +goose Up
ALTER TABLE artifacts ADD COLUMN repository TEXT NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN risk BIGINT NOT NULL DEFAULT 0;
ALTER TABLE artifacts ADD COLUMN exploited BIGINT NOT NULL DEFAULT 0;
-- What stands before the digest, then without a tag: a colon behind the last slash.
UPDATE artifacts SET repository = regexp_replace(regexp_replace(name, '@.*$', ''), ':[^/]*$', '') WHERE kind = 'image';
CREATE INDEX artifacts_repository ON artifacts (tenant, repository, scanned_at, id);
CREATE INDEX artifacts_risk ON artifacts (tenant, risk, id);

-- summary is JSON (store.ScanSummary).
ALTER TABLE scans ADD COLUMN summary TEXT NOT NULL DEFAULT '{}';
CREATE INDEX scans_source ON scans (tenant, source, id);
CREATE INDEX scans_result ON scans (tenant, source, result, id);

-- layer counts from 0, the lowest; -1 is not known.
ALTER TABLE artifact_vulnerabilities ADD COLUMN layer BIGINT NOT NULL DEFAULT -1;
DROP INDEX artifact_vulnerabilities_id;
CREATE INDEX artifact_vulnerabilities_id ON artifact_vulnerabilities (tenant, vulnerability, artifact_id, package_id);

ALTER TABLE artifact_packages ADD COLUMN licences TEXT NOT NULL DEFAULT '';
ALTER TABLE artifact_packages ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE artifact_packages ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE artifact_packages ADD COLUMN layer BIGINT NOT NULL DEFAULT -1;
CREATE INDEX artifact_packages_list ON artifact_packages (tenant, artifact_id, package, package_id);

-- running is how many enforcers run an image that has it, counted each minute.
ALTER TABLE vulnerabilities ADD COLUMN running BIGINT NOT NULL DEFAULT 0;
CREATE INDEX vulnerabilities_running ON vulnerabilities (tenant, severity, vulnerability) WHERE running > 0;
CREATE INDEX vulnerabilities_kev ON vulnerabilities (tenant, severity, vulnerability) WHERE kev;

-- The inventory as it was on each day (UTC), at the last count of that day.
CREATE TABLE inventory_days (
  tenant     TEXT NOT NULL,
  day        TEXT NOT NULL,
  counted_at BIGINT NOT NULL,
  artifacts  BIGINT NOT NULL,
  failing    BIGINT NOT NULL,
  risk       BIGINT NOT NULL,
  exploited  BIGINT NOT NULL,
  critical   BIGINT NOT NULL,
  high       BIGINT NOT NULL,
  medium     BIGINT NOT NULL,
  low        BIGINT NOT NULL,
  fixable    BIGINT NOT NULL,
  running    BIGINT NOT NULL,
  unscanned  BIGINT NOT NULL,
  PRIMARY KEY (tenant, day)
);

-- +goose Down
DROP TABLE inventory_days;
DROP INDEX vulnerabilities_kev;
DROP INDEX vulnerabilities_running;
ALTER TABLE vulnerabilities DROP COLUMN running;
DROP INDEX artifact_packages_list;
ALTER TABLE artifact_packages DROP COLUMN layer;
ALTER TABLE artifact_packages DROP COLUMN path;
ALTER TABLE artifact_packages DROP COLUMN owner;
ALTER TABLE artifact_packages DROP COLUMN licences;
DROP INDEX artifact_vulnerabilities_id;
CREATE INDEX artifact_vulnerabilities_id ON artifact_vulnerabilities (tenant, vulnerability, artifact_id);
ALTER TABLE artifact_vulnerabilities DROP COLUMN layer;
DROP INDEX scans_result;
DROP INDEX scans_source;
ALTER TABLE scans DROP COLUMN summary;
DROP INDEX artifacts_risk;
DROP INDEX artifacts_repository;
ALTER TABLE artifacts DROP COLUMN exploited;
ALTER TABLE artifacts DROP COLUMN risk;
ALTER TABLE artifacts DROP COLUMN repository;
