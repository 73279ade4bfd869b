-- The distributions of an inventory are counted without reading its artefacts.

-- +goose Up
CREATE INDEX artifacts_os ON artifacts (tenant, os);

-- +goose Down
DROP INDEX artifacts_os;
