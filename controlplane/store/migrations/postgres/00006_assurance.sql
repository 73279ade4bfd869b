-- Assurance policies: yaml is the author's text, document the same as JSON.

-- +goose Up
CREATE TABLE assurance_policies (
  tenant     TEXT NOT NULL,
  name       TEXT NOT NULL,
  yaml       TEXT NOT NULL,
  document   TEXT NOT NULL,
  version    BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- +goose Down
DROP TABLE assurance_policies;
