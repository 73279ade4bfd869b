-- Policies that ask for a scan every so often find an artefact's last job.

-- +goose Up
CREATE INDEX scan_jobs_artifact ON scan_jobs (tenant, artifact_id, id) WHERE artifact_id <> '';
CREATE INDEX scan_jobs_reference ON scan_jobs (tenant, reference, platform, id);

-- +goose Down
DROP INDEX scan_jobs_reference;
DROP INDEX scan_jobs_artifact;
