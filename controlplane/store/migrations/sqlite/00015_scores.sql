-- EPSS scores change daily and are of a vulnerability, not of an artefact that
-- has it: they are kept once, with the date that they are of.

-- +goose Up
ALTER TABLE vulnerabilities ADD COLUMN epss_percentile DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE vulnerabilities ADD COLUMN epss_date TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE vulnerabilities DROP COLUMN epss_date;
ALTER TABLE vulnerabilities DROP COLUMN epss_percentile;
