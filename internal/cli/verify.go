package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/layers/wrap"
	"github.com/limpet-security/limpet/scanner/cybercenter"
)

type verifyFlags struct {
	keys     []string
	policies []string
	files    []string
	maxAge   int
	platform string
	source   bool
	insecure bool
	format   string
}

// VerifyCommand is `limpet verify`.
func VerifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify IMAGE --key FILE",
		Short: "Say whether an image is approved to run, by the verdicts that are signed about it",
		Long: `Read the signed verdicts that are attached to an image in its registry ('limpet
check --attach'), or lie in files, and hold the newest one that a trusted key has
signed against what is asked: that it is about this digest, passes, has not
expired, is not too old, and comes from these policies. The MicroEnforcer judges
the same at the start of a wrapped image, without a network.

A wrapped image is another image than its source. It carries the source's
verdicts; --source judges by those. That the layers below the enforcer's are the
source's is checked then, that nothing else was put into the enforcer's is not.

Exit codes: 0 approved, 1 not approved, 2 usage, 3 the image cannot be read.`,
		Example: `  limpet verify registry.example.com/shop/web:1.4 --key verdict.pub
  limpet verify registry.example.com/shop/web:1.4 --key verdict.pub --policy release@7 --max-age-days 7
  limpet verify docker://web:1.4-limpet --key verdict.pub --source
  limpet verify web.tar --key verdict.pub --verdict verdict.json`,
		Args: oneArg("image"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.keys, "key", nil, "Ed25519 public key that is trusted: a `FILE` (PEM), or the key in base64 (repeatable)")
	fl.StringArrayVar(&f.policies, "policy", nil, "assurance policy that must have judged: `NAME`, or NAME@NUMBER for that version or a later one (repeatable)")
	fl.StringArrayVar(&f.files, "verdict", nil, "signed verdict `FILE` to judge by, instead of what is attached (repeatable)")
	fl.IntVar(&f.maxAge, "max-age-days", 0, "take no verdict that is older than so many days")
	fl.StringVar(&f.platform, "platform", "linux/"+runtime.GOARCH, "`OS/ARCH` to judge of an index")
	fl.BoolVar(&f.source, "source", false, "judge a wrapped image by the verdicts about its source")
	fl.BoolVar(&f.insecure, "insecure-registry", false, "speak plain HTTP to registries; for tests")
	fl.StringVarP(&f.format, "format", "f", "table", "table or json")
	choices(cmd, "format", "table", "json")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

// verified is what `limpet verify` says.
type verified struct {
	Image    string          `json:"image"`
	Digests  []string        `json:"digests"` // of what was judged
	Source   bool            `json:"source"`  // judged by its source
	Approved bool            `json:"approved"`
	Fault    attest.Fault    `json:"fault,omitempty"`
	Verdicts int             `json:"verdicts"` // that were looked at
	Signer   string          `json:"signer,omitempty"`
	Verdict  *attest.Verdict `json:"verdict,omitempty"`
}

func (f *verifyFlags) run(cmd *cobra.Command, text string) error {
	d, err := f.demand()
	if err != nil {
		return &UsageError{err}
	}
	place, err := image.ParsePlace(text, f.insecure)
	if err != nil {
		return &UsageError{err}
	}
	out := verified{Image: text, Source: f.source}
	envelopes, err := f.gather(cmd.Context(), place, &out)
	if err != nil {
		return &ExitError{ExitIncomplete, err}
	}
	out.Verdicts = len(envelopes)
	out.Verdict, out.Fault = d.Check(envelopes, out.Digests, time.Now())
	out.Approved = out.Fault == ""
	if out.Verdict != nil {
		out.Signer = out.Verdict.Signer
	}
	if f.format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		err = enc.Encode(out)
	} else {
		out.print(cmd.OutOrStdout())
	}
	if err == nil && !out.Approved {
		err = &ExitError{Code: ExitFailure}
	}
	return err
}

// demand is what the flags ask for.
func (f *verifyFlags) demand() (attest.Demand, error) {
	d := attest.Demand{Policies: f.policies, MaxAge: time.Duration(f.maxAge) * 24 * time.Hour}
	if f.format != "table" && f.format != "json" {
		return d, fmt.Errorf("--format %q is not table or json", f.format)
	}
	if f.maxAge < 0 {
		return d, fmt.Errorf("--max-age-days %d is below 0", f.maxAge)
	}
	for _, p := range f.policies {
		if err := policy.PolicyWord(p).Check(); err != nil {
			return d, fmt.Errorf("--policy %.100q: %w", p, err)
		}
	}
	for _, k := range f.keys {
		key, err := trustedKey(k)
		if err != nil {
			return d, fmt.Errorf("--key %.200q: %w", k, err)
		}
		d.Keys = append(d.Keys, key)
	}
	return d, nil
}

// trustedKey reads a public key from a file, or from the argument itself.
func trustedKey(s string) (ed25519.PublicKey, error) {
	if isFile(s) {
		return cybercenter.ReadPublicKey(s)
	}
	b, err := policy.PublicKey(s).Bytes()
	if err != nil {
		return nil, errNoFile
	}
	return b, nil
}

// gather opens the image and finds its digests and the verdicts about it.
func (f *verifyFlags) gather(ctx context.Context, place image.Place, out *verified) ([][]byte, error) {
	quietLogs()
	o := image.Options{UserAgent: imageUserAgent()}
	src, err := image.Open(ctx, place, o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	img, err := pickImage(src, f.platform)
	if err != nil {
		return nil, err
	}
	out.Digests = digestsOf(img)
	var envelopes [][]byte
	if f.source {
		w, err := wrap.Inspect(ctx, img)
		if err != nil {
			return nil, err
		}
		if w == nil {
			return nil, fmt.Errorf("%s is not a wrapped image; leave out --source", place)
		}
		out.Digests, envelopes = nil, w.Verdicts
		for _, d := range []string{w.SourceDigest, w.SourceID} {
			if d != "" {
				out.Digests = append(out.Digests, d)
			}
		}
	}
	if len(f.files) > 0 {
		return readVerdicts(f.files)
	}
	if place.Kind == image.Registry {
		for _, d := range out.Digests {
			more, err := attachedVerdicts(ctx, place.Ref.Context(), d, o)
			if err != nil {
				return nil, err
			}
			envelopes = append(envelopes, more...)
		}
	}
	return envelopes, nil
}

// pickImage gives the image of a platform.
func pickImage(src *image.Source, platform string) (*image.Image, error) {
	if src.Image != nil {
		return src.Image, nil
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return nil, fmt.Errorf("--platform %.50q: %w", platform, err)
	}
	for _, c := range src.Index.Children {
		if c.Image != nil && !c.Attestation() && c.Image.Platform().Satisfies(*want) {
			return c.Image, nil
		}
	}
	return nil, fmt.Errorf("%s has no image for %s", src.Name, platform)
}

func (v *verified) print(w io.Writer) {
	word := "APPROVED"
	if !v.Approved {
		word = "NOT APPROVED (" + string(v.Fault) + ")"
	}
	fmt.Fprintf(w, "%s: %s\n", printable(v.Image), word)
	what := "image"
	if v.Source {
		what = "source"
	}
	fmt.Fprintf(w, "  %s  %s; %d signed verdicts were looked at\n", what, strings.Join(v.Digests, ", "), v.Verdicts)
	x := v.Verdict
	if x == nil {
		return
	}
	until := "never"
	if !x.ExpiresAt.IsZero() {
		until = x.ExpiresAt.Format(time.RFC3339)
	}
	fmt.Fprintf(w, "  %s, judged %s, expires %s, signed by %s\n", printable(x.Result), x.JudgedAt.Format(time.RFC3339), until, x.Signer)
	for _, p := range x.Policies {
		if p.Number > 0 {
			fmt.Fprintf(w, "  policy %s, version %d\n", printable(p.Name), p.Number)
		} else {
			fmt.Fprintf(w, "  policy %s\n", printable(p.Name))
		}
	}
}
