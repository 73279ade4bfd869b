-- Tests that are kept with an assurance policy, and run at each change of it.

-- +goose Up
-- yaml is the author's text, reports what the tests judge, by the name that
-- they have there: a map in JSON under zstd.
CREATE TABLE assurance_tests (
  tenant     TEXT NOT NULL,
  policy     TEXT NOT NULL,
  yaml       TEXT NOT NULL,
  reports    BYTEA NOT NULL,
  digest     TEXT NOT NULL,
  version    BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, policy)
);

-- +goose Down
DROP TABLE assurance_tests;
