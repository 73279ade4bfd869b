-- Profiles are asked for by the image that they are of.

-- +goose Up
CREATE INDEX profiles_image ON profiles (tenant, image_digest);

-- +goose Down
DROP INDEX profiles_image;
