package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/tenant"
)

// MaxRevokedImages bounds how many images of a tenant are revoked: what a bundle
// holds.
const MaxRevokedImages = bundle.MaxRevoked

// RevokedImage is an image that must not start, by a person's word.
type RevokedImage struct {
	bun.BaseModel `bun:"table:revoked_images"`
	Tenant        tenant.ID `bun:",pk"`
	Digest        string    `bun:",pk"` // of what was wrapped
	Image         string    // its name, for people
	InGroups      []string  `bun:"type:text"` // empty: every group
	Reason        string
	RevokedBy     string
	RevokedAt     int64
}

// Concerns says whether the revocation holds in a group.
func (v RevokedImage) Concerns(group string) bool {
	return len(v.InGroups) == 0 || slices.Contains(v.InGroups, group)
}

// RevokedImages lists revoked images by digest.
func (r Reader) RevokedImages(ctx context.Context, t tenant.ID, p Page) ([]RevokedImage, string, error) {
	var rows []RevokedImage
	q := r.db.NewSelect().Model(&rows).Where("tenant = ?", t).Order("digest").Limit(int64(p.limit()) + 1)
	if p.Cursor != "" {
		q = q.Where("digest > ?", p.Cursor)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot list revoked images: %w", err)
	}
	rows, next := cut(rows, p, func(v RevokedImage) string { return v.Digest })
	return rows, next, nil
}

// RevokedDigests gives the digests of the images that must not start in a
// group, in order.
func (r Reader) RevokedDigests(ctx context.Context, t tenant.ID, group string) ([]string, error) {
	var rows []RevokedImage
	err := r.db.NewSelect().Model(&rows).Column("digest", "in_groups").Where("tenant = ?", t).Order("digest").Limit(MaxRevokedImages).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read revoked images: %w", err)
	}
	var out []string
	for _, v := range rows {
		if v.Concerns(group) {
			out = append(out, v.Digest)
		}
	}
	return out, nil
}

// RevokedImage gives one.
func (r Reader) RevokedImage(ctx context.Context, t tenant.ID, digest string) (RevokedImage, error) {
	var v RevokedImage
	err := r.db.NewSelect().Model(&v).Where("tenant = ? AND digest = ?", t, digest).Scan(ctx)
	return v, lookup(err, "revoked image", digest)
}

// AddRevokedImage revokes an image.
func (x *Tx) AddRevokedImage(ctx context.Context, t tenant.ID, v RevokedImage) (RevokedImage, error) {
	n, err := x.db.NewSelect().Model((*RevokedImage)(nil)).Where("tenant = ?", t).Count(ctx)
	if err != nil {
		return v, fmt.Errorf("cannot count revoked images: %w", err)
	}
	if n >= MaxRevokedImages {
		return v, fmt.Errorf("cannot revoke image %q: %w", v.Digest, ErrFull)
	}
	v.Tenant, v.RevokedAt = t, ns(Now())
	if v.InGroups == nil {
		v.InGroups = []string{}
	}
	_, err = x.db.NewInsert().Model(&v).Exec(ctx)
	return v, inserted(err, "revoked image", v.Digest)
}

// DeleteRevokedImage lets an image start again.
func (x *Tx) DeleteRevokedImage(ctx context.Context, t tenant.ID, digest string) error {
	res, err := x.db.NewDelete().Model((*RevokedImage)(nil)).Where("tenant = ? AND digest = ?", t, digest).Exec(ctx)
	return changed(res, err, "revoked image", digest, ErrNotFound)
}

// ImageName is what an enforcer that runs an image calls it; "" if none does.
func (r Reader) ImageName(ctx context.Context, t tenant.ID, digest string) (string, error) {
	var names []string
	err := r.db.NewSelect().Model((*Enforcer)(nil)).Column("image").Where("tenant = ? AND image_digest = ?", t, digest).Order("id DESC").Limit(1).Scan(ctx, &names)
	if err != nil {
		return "", fmt.Errorf("cannot read an image's name: %w", err)
	}
	return strings.Join(names, ""), nil
}

// EnforcersOfImages counts the enforcers that run images, by digest.
func (r Reader) EnforcersOfImages(ctx context.Context, t tenant.ID, digests []string) (map[string]int, error) {
	out := map[string]int{}
	if len(digests) == 0 {
		return out, nil
	}
	var rows []struct {
		ImageDigest string
		N           int
	}
	err := r.db.NewSelect().Model((*Enforcer)(nil)).ColumnExpr("image_digest, COUNT(*) AS n").
		Where("tenant = ? AND image_digest IN (?)", t, bun.List(digests)).Group("image_digest").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("cannot count enforcers of images: %w", err)
	}
	for _, row := range rows {
		out[row.ImageDigest] = row.N
	}
	return out, nil
}
