package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/layers/wrap"
)

// UnwrapCommand is `limpet unwrap`.
func UnwrapCommand() *cobra.Command {
	f := &placeFlags{}
	cmd := &cobra.Command{
		Use:   "unwrap SOURCE -o DEST",
		Short: "Take the MicroEnforcer out of a wrapped image",
		Long: `Unwrap gives the image back that was wrapped: in a registry and in an OCI
layout with its original manifest digest, in a Docker daemon with its original
image ID.

SOURCE and DEST are each one of
` + image.Syntax + `

A Docker daemon keeps no manifest. An image that was loaded into one and pushed
from there has the original image ID but another manifest digest; unwrap says so.`,
		Example: `  limpet unwrap registry.example.com/shop/web:1.4-limpet -o registry.example.com/shop/web:1.4-original
  limpet unwrap docker://web:1.4-limpet -o docker://web:1.4`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &UsageError{fmt.Errorf("want one SOURCE, got %d arguments", len(args))}
			}
			if f.output == "" {
				return &UsageError{fmt.Errorf("where to? give -o DEST")}
			}
			return f.check(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runUnwrap(cmd, f, args[0]) },
	}
	f.add(cmd, "DEST, where to put the original image")
	return cmd
}

func runUnwrap(cmd *cobra.Command, f *placeFlags, source string) error {
	o := wrap.UnwrapOptions{Image: f.imageOptions(), Platforms: f.parsed}
	var err error
	if o.Source, o.Destination, err = f.places(source); err != nil {
		return err
	}
	result, err := wrap.Unwrap(cmd.Context(), o)
	if err != nil {
		return err
	}
	return f.report(cmd, result, result.Warnings, func(w io.Writer) {
		fmt.Fprintf(w, "unwrapped %s\n", result.Destination)
		if result.Digest != "" {
			fmt.Fprintf(w, "  digest  %s\n", result.Digest)
		}
		if result.ImageID != "" {
			fmt.Fprintf(w, "  image   %s\n", result.ImageID)
		}
	})
}
