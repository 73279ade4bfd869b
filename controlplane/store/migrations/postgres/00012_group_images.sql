-- Where the images of a group may come from, and which labels its workloads must
-- have: JSON lists and objects.

-- +goose Up
ALTER TABLE enforcer_groups ADD COLUMN registries TEXT NOT NULL DEFAULT '[]';
ALTER TABLE enforcer_groups ADD COLUMN required_labels TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE enforcer_groups DROP COLUMN required_labels;
ALTER TABLE enforcer_groups DROP COLUMN registries;
