-- Lists and counts over millions of rows: what each filter of a list is
-- answered by, and counts that do not grow with the number of groups.

-- +goose Up
CREATE INDEX events_kind ON events (tenant, kind, at, seq);

CREATE INDEX findings_state ON findings (tenant, state, last_seen, item);
CREATE INDEX findings_control ON findings (tenant, control, last_seen, item);
CREATE INDEX findings_image ON findings (tenant, image, last_seen, item);
CREATE INDEX findings_digest ON findings (tenant, image_digest, last_seen, item);
CREATE INDEX findings_expiry ON findings (tenant, expires_at) WHERE state <> 'open' AND expires_at > 0;
CREATE INDEX finding_places_group ON finding_places (tenant, group_name, item);

-- All that lists and counts of enforcers look at: their rows are wide.
CREATE INDEX enforcers_list ON enforcers (tenant, id, group_name, hostname, image, last_seen, stopping, version);

CREATE INDEX audit_actor ON audit (tenant, actor, id);
CREATE INDEX audit_action ON audit (tenant, action, id);
CREATE INDEX audit_kind ON audit (tenant, object_kind, id);

-- Rows of group '' count all groups together. Dimension '' counts by minute,
-- 'hour' the same by hour, 'control' and 'image' by hour.
ALTER TABLE event_counts RENAME TO event_counts_before;
CREATE TABLE event_counts (
  tenant     TEXT NOT NULL,
  dimension  TEXT NOT NULL,
  span       BIGINT NOT NULL,
  name       TEXT NOT NULL,
  group_name TEXT NOT NULL,
  verdict    TEXT NOT NULL,
  n          BIGINT NOT NULL,
  PRIMARY KEY (tenant, dimension, group_name, span, name, verdict)
) WITHOUT ROWID;
INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n)
  SELECT tenant, dimension, span, name, group_name, verdict, n FROM event_counts_before;
INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n)
  SELECT tenant, 'hour', span - span % 3600000000000, '', group_name, verdict, SUM(n) FROM event_counts_before
  WHERE dimension = '' GROUP BY tenant, span - span % 3600000000000, group_name, verdict;
INSERT INTO event_counts (tenant, dimension, span, name, group_name, verdict, n)
  SELECT tenant, dimension, span, name, '', verdict, SUM(n) FROM event_counts
  WHERE group_name <> '' GROUP BY tenant, dimension, span, name, verdict;
DROP TABLE event_counts_before;

-- +goose Down
DELETE FROM event_counts WHERE group_name = '' OR dimension = 'hour';
DROP INDEX audit_kind;
DROP INDEX audit_action;
DROP INDEX audit_actor;
DROP INDEX enforcers_list;
DROP INDEX finding_places_group;
DROP INDEX findings_expiry;
DROP INDEX findings_digest;
DROP INDEX findings_image;
DROP INDEX findings_control;
DROP INDEX findings_state;
DROP INDEX events_kind;
