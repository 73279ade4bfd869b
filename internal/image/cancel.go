package image

import (
	"context"
	"io"
	"slices"
)

// ctxReader ends a long copy when its caller gave up.
type ctxReader struct {
	ctx context.Context
	io.ReadCloser
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.ReadCloser.Read(p)
}

// withContext is the image with layers that cannot be read any more once ctx
// ends: whoever writes them fails, and cleans up as after any failure.
func withContext(ctx context.Context, img *Image) *Image {
	if img == nil {
		return nil
	}
	out := *img
	out.Layers = slices.Clone(img.Layers)
	for i, l := range img.Layers {
		out.Layers[i].Open = func() (io.ReadCloser, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rc, err := l.Open()
			if err != nil {
				return nil, err
			}
			return &ctxReader{ctx, rc}, nil
		}
	}
	return &out
}

func (x *Index) withContext(ctx context.Context) *Index {
	if x == nil {
		return nil
	}
	out := *x
	out.Children = slices.Clone(x.Children)
	for i, c := range x.Children {
		out.Children[i].Image = withContext(ctx, c.Image)
	}
	return &out
}
