-- What a report asked a vulnerability database (under zstd) and a digest of the
-- answers: where a newer database gives the same ones, the report is not read.

-- +goose Up
CREATE TABLE scan_questions (
  tenant    TEXT NOT NULL,
  scan_id   TEXT NOT NULL,
  questions BLOB NOT NULL,
  answers   BLOB NOT NULL,
  PRIMARY KEY (tenant, scan_id)
);

-- +goose Down
DROP TABLE scan_questions;
