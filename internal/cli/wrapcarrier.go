package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/layers/wrap"
)

func wrapCarrierCommand() *cobra.Command {
	f := &wrapFlags{}
	cmd := &cobra.Command{
		Use:   "carrier -o DEST",
		Short: "Make the image that carries the enforcer into a volume",
		Long: `Carrier makes a small image that holds the MicroEnforcer, its identity and its
first policy in a volume. 'limpet wrap definition' puts it beside containers
whose own images stay as they are. The drift control needs a manifest of the
image, which only 'limpet wrap' can make.

DEST is one of
` + image.Syntax,
		Example: `  # The default policy in enforce mode, for amd64 and arm64
  limpet wrap carrier -o registry.example.com/limpet-carrier:1 --mode enforce

  # Members of the group "shop" of a control plane
  limpet wrap carrier -o registry.example.com/limpet-carrier:shop \
    --server https://limpet.example.com:8443 --ca-file ca.pem --api-token-file token --group shop`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return &UsageError{fmt.Errorf("want no arguments, got %d", len(args))}
			}
			if f.output == "" {
				return &UsageError{fmt.Errorf("where to? give -o DEST")}
			}
			return f.checkIdentity(args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return f.runCarrier(cmd) },
	}
	f.add(cmd, "DEST, where to put the carrier")
	f.addIdentity(cmd)
	return cmd
}

func (f *wrapFlags) runCarrier(cmd *cobra.Command) error {
	o := wrap.CarrierOptions{Image: f.imageOptions(), Platforms: f.parsed, Version: version.Version}
	var err error
	if o.Destination, err = image.ParsePlace(f.output, f.insecure); err != nil {
		return &UsageError{err}
	}
	if o.Identity, err = f.identity(cmd); err != nil {
		return err
	}
	if o.Enforcer, err = enforcerBinaries(f.enforcers); err != nil {
		return err
	}
	r, err := wrap.Carrier(cmd.Context(), o)
	if err != nil {
		return err
	}
	return f.report(cmd, r, r.Warnings, func(w io.Writer) {
		fmt.Fprintf(w, "made %s\n", r.Destination)
		if r.Digest != "" {
			fmt.Fprintf(w, "  digest  %s\n", r.Digest)
		}
		for _, p := range r.Platforms {
			fmt.Fprintf(w, "  %s  %.1f MB\n", p.Platform, float64(p.LayerBytes)/1e6)
		}
		f.printIdentity(w, o.Identity)
	})
}
