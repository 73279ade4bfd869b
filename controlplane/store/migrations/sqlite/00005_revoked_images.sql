-- Images that must not start, by the digest of what was wrapped. in_groups is a
-- JSON list of names; empty: every group.

-- +goose Up
CREATE TABLE revoked_images (
  tenant     TEXT NOT NULL,
  digest     TEXT NOT NULL,
  image      TEXT NOT NULL,
  in_groups  TEXT NOT NULL,
  reason     TEXT NOT NULL,
  revoked_by TEXT NOT NULL,
  revoked_at BIGINT NOT NULL,
  PRIMARY KEY (tenant, digest)
);

-- +goose Down
DROP TABLE revoked_images;
