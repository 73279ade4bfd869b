-- What was scanned: artefacts by name and digest, their scans with the reports
-- in pieces, and what the newest report says, to be asked across artefacts.

-- +goose Up
CREATE TABLE artifacts (
  tenant            TEXT NOT NULL,
  id                TEXT NOT NULL,
  kind              TEXT NOT NULL,
  name              TEXT NOT NULL,
  digest            TEXT NOT NULL,
  platform          TEXT NOT NULL,
  os                TEXT NOT NULL,
  created           TEXT NOT NULL,
  size              BIGINT NOT NULL,
  labels            TEXT NOT NULL,
  first_seen        BIGINT NOT NULL,
  scanned_at        BIGINT NOT NULL,
  scan_id           TEXT NOT NULL,
  source            TEXT NOT NULL,
  result            TEXT NOT NULL,
  integrity         TEXT NOT NULL,
  packages          BIGINT NOT NULL,
  critical          BIGINT NOT NULL,
  high              BIGINT NOT NULL,
  medium            BIGINT NOT NULL,
  low               BIGINT NOT NULL,
  negligible        BIGINT NOT NULL,
  unknown           BIGINT NOT NULL,
  fixable           BIGINT NOT NULL,
  secrets           BIGINT NOT NULL,
  malware           BIGINT NOT NULL,
  misconfigurations BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX artifacts_scanned ON artifacts (tenant, scanned_at, id);
CREATE INDEX artifacts_kind ON artifacts (tenant, kind, scanned_at, id);
CREATE INDEX artifacts_result ON artifacts (tenant, result, scanned_at, id);
CREATE INDEX artifacts_digest ON artifacts (tenant, digest);

-- verdict is JSON (assurance.Verdict).
CREATE TABLE scans (
  tenant          TEXT NOT NULL,
  id              TEXT NOT NULL,
  artifact_id     TEXT NOT NULL,
  source          TEXT NOT NULL,
  scanned_by      TEXT NOT NULL,
  scanned_at      BIGINT NOT NULL,
  scanner         TEXT NOT NULL,
  database_digest TEXT NOT NULL,
  database_built  BIGINT NOT NULL,
  result          TEXT NOT NULL,
  verdict         TEXT NOT NULL,
  report_bytes    BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX scans_artifact ON scans (tenant, artifact_id, id);

-- A report as JSON under zstd, cut into pieces.
CREATE TABLE scan_pieces (
  tenant  TEXT NOT NULL,
  scan_id TEXT NOT NULL,
  piece   BIGINT NOT NULL,
  data    BLOB NOT NULL,
  PRIMARY KEY (tenant, scan_id, piece)
);

-- severity ranks from 5, critical, to 0, unknown.
CREATE TABLE artifact_vulnerabilities (
  tenant          TEXT NOT NULL,
  artifact_id     TEXT NOT NULL,
  vulnerability   TEXT NOT NULL,
  package_id      TEXT NOT NULL,
  package         TEXT NOT NULL,
  package_version TEXT NOT NULL,
  package_type    TEXT NOT NULL,
  severity        BIGINT NOT NULL,
  score           DOUBLE PRECISION NOT NULL,
  epss            DOUBLE PRECISION NOT NULL,
  kev             BOOLEAN NOT NULL,
  fixed_version   TEXT NOT NULL,
  title           TEXT NOT NULL,
  first_seen      BIGINT NOT NULL,
  PRIMARY KEY (tenant, artifact_id, vulnerability, package_id)
);
CREATE INDEX artifact_vulnerabilities_severity ON artifact_vulnerabilities (tenant, artifact_id, severity, vulnerability, package_id);
CREATE INDEX artifact_vulnerabilities_id ON artifact_vulnerabilities (tenant, vulnerability, artifact_id);
CREATE INDEX artifact_vulnerabilities_package ON artifact_vulnerabilities (tenant, package, artifact_id);

-- One row for each vulnerability that some artefact has.
CREATE TABLE vulnerabilities (
  tenant        TEXT NOT NULL,
  vulnerability TEXT NOT NULL,
  severity      BIGINT NOT NULL,
  score         DOUBLE PRECISION NOT NULL,
  epss          DOUBLE PRECISION NOT NULL,
  kev           BOOLEAN NOT NULL,
  fixable       BOOLEAN NOT NULL,
  title         TEXT NOT NULL,
  artifacts     BIGINT NOT NULL,
  first_seen    BIGINT NOT NULL,
  PRIMARY KEY (tenant, vulnerability)
);
CREATE INDEX vulnerabilities_list ON vulnerabilities (tenant, severity, vulnerability);

CREATE TABLE artifact_packages (
  tenant          TEXT NOT NULL,
  artifact_id     TEXT NOT NULL,
  package_id      TEXT NOT NULL,
  package         TEXT NOT NULL,
  package_version TEXT NOT NULL,
  package_type    TEXT NOT NULL,
  purl            TEXT NOT NULL,
  PRIMARY KEY (tenant, artifact_id, package_id)
);
CREATE INDEX artifact_packages_name ON artifact_packages (tenant, package, package_version, artifact_id);
CREATE INDEX enforcers_digest ON enforcers (tenant, image_digest, id);

-- +goose Down
DROP INDEX enforcers_digest;
DROP TABLE artifact_packages;
DROP TABLE vulnerabilities;
DROP TABLE artifact_vulnerabilities;
DROP TABLE scan_pieces;
DROP TABLE scans;
DROP TABLE artifacts;
