package wrap

import (
	"context"

	"github.com/limpet-security/limpet/internal/image"
)

// StartOf tells how an image starts by itself: the ENTRYPOINT and CMD of any of
// its platforms that the enforcer exists for.
func StartOf(ctx context.Context, place image.Place, o image.Options) (entrypoint, cmd []string, err error) {
	src, err := image.Open(ctx, place, o)
	if err != nil {
		return nil, nil, err
	}
	defer src.Close()
	img, err := Dockerfile{Source: src}.image()
	if err != nil {
		return nil, nil, err
	}
	c, err := parseConfig(img.Config)
	if err != nil {
		return nil, nil, err
	}
	return c.Entrypoint, c.Cmd, nil
}
