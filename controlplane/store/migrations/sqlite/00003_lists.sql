-- Reputation lists, and who removed an enforcer and why.

-- +goose Up
-- content is the author's text, packed what enforcers are given (package
-- reputation).
CREATE TABLE reputation_lists (
  tenant      TEXT NOT NULL,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  format      TEXT NOT NULL,
  csv_column  TEXT NOT NULL,
  content     TEXT NOT NULL,
  packed      BLOB NOT NULL,
  digest      TEXT NOT NULL,
  entries     BIGINT NOT NULL,
  ranges      BIGINT NOT NULL,
  names       BIGINT NOT NULL,
  version     BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  updated_by  TEXT NOT NULL,
  PRIMARY KEY (tenant, name)
);

ALTER TABLE revoked_enforcers ADD COLUMN group_name TEXT NOT NULL DEFAULT '';
ALTER TABLE revoked_enforcers ADD COLUMN hostname TEXT NOT NULL DEFAULT '';
ALTER TABLE revoked_enforcers ADD COLUMN image TEXT NOT NULL DEFAULT '';
ALTER TABLE revoked_enforcers ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE revoked_enforcers ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE revoked_enforcers DROP COLUMN revoked_by;
ALTER TABLE revoked_enforcers DROP COLUMN reason;
ALTER TABLE revoked_enforcers DROP COLUMN image;
ALTER TABLE revoked_enforcers DROP COLUMN hostname;
ALTER TABLE revoked_enforcers DROP COLUMN group_name;
DROP TABLE reputation_lists;
