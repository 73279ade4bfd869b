package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/logs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/layers/payload"
	"github.com/limpet-security/limpet/layers/wrap"
)

// maxWrapPolicyFile bounds a policy file, in bytes.
const maxWrapPolicyFile = 4 << 20

type wrapFlags struct {
	placeFlags
	policies   []string
	signingKey string
	mode       string
	onNoPolicy string
	conn       connection
	group      string
	labels     []string
	enforcers  []string
	dockerfile bool
	from       string
	context    string
	verdicts   []string
}

// WrapCommand is `limpet wrap`.
func WrapCommand() *cobra.Command {
	f := &wrapFlags{}
	cmd := &cobra.Command{
		Use:   "wrap SOURCE -o DEST",
		Short: "Put the MicroEnforcer into a container image",
		Long: `Wrap adds one layer to an image: the MicroEnforcer for its architecture, the
manifest of every program in it, an initial signed policy and the identity the
enforcer enrols with. ENTRYPOINT and HEALTHCHECK are made to run under the
enforcer; CMD, ENV, USER, WORKDIR, volumes, ports and labels stay as they are.
The same input gives the same digest; wrapping twice changes nothing; 'limpet
unwrap' gives the original back.

SOURCE and DEST are each one of
` + image.Syntax + `

Credentials for registries come from the Docker configuration and, for ECR,
Artifact Registry and ACR, from the cloud's own means. A tag is resolved to a
digest once. Of an index, every linux/amd64 and linux/arm64 image is wrapped.

Without --group the policy travels in the image alone: the default policy or
--policy, signed with a key that is made for this image and thrown away (or
--signing-key). With --group the identity and policy of an enforcer group are
fetched from the control plane.`,
		Example: `  # An image in a registry, every platform, in audit mode with the default policy
  limpet wrap registry.example.com/shop/web:1.4 -o registry.example.com/shop/web:1.4-limpet

  # A local image, blocking what the policy denies
  limpet wrap docker://web:1.4 -o docker://web:1.4-limpet --mode enforce --policy web.yaml

  # Reporting to a control plane as a member of the group "shop"
  limpet wrap docker://web:1.4 -o docker://web:1.4-limpet \
    --server https://limpet.example.com:8443 --ca-file ca.pem --api-token-file token --group shop

  # Files only, no daemon, no registry
  limpet wrap web.tar -o oci:web-limpet

  # The lines for a Dockerfile, and the files they copy
  limpet wrap --dockerfile --context . docker://web:1.4

  # Images as they are: the enforcer comes by a volume that a carrier fills
  limpet wrap carrier -o registry.example.com/limpet-carrier:1 --mode enforce
  limpet wrap definition task.json --carrier registry.example.com/limpet-carrier:1 -o task-limpet.json`,
		Args: func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.dockerfile {
				return f.printDockerfile(cmd, args)
			}
			return f.run(cmd, args[0])
		},
	}
	f.add(cmd, "DEST, where to put the wrapped image")
	f.addIdentity(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.dockerfile, "dockerfile", false, "print the lines for a Dockerfile instead; SOURCE, if given, tells ENTRYPOINT, CMD and HEALTHCHECK")
	fl.StringArrayVar(&f.verdicts, "verdict", nil, "signed verdict `FILE` about SOURCE to carry along (repeatable; default: those attached to SOURCE in its registry)")
	fl.StringVar(&f.from, "from", "", "with --dockerfile: the `IMAGE` to copy "+workload.Dir+" from")
	fl.StringVar(&f.context, "context", "", "with --dockerfile: put the files that are copied into `DIR`/"+wrap.ContextDir)
	cmd.AddCommand(wrapCarrierCommand(), wrapDefinitionCommand())
	return cmd
}

// addIdentity adds the flags that say what the enforcer starts with.
func (f *wrapFlags) addIdentity(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.policies, "policy", nil, "runtime policy `FILE`, YAML or JSON (repeatable; default: the built-in default policy)")
	fl.StringVar(&f.signingKey, "signing-key", "", "Ed25519 key `FILE` (PKCS #8 PEM) that signs the local policy (default: a throw-away key)")
	fl.StringVar(&f.mode, "mode", "audit", "what the local policy does: audit or enforce")
	fl.StringVar(&f.onNoPolicy, "on-no-policy", workload.NoPolicyAudit, "what the enforcer does without a valid policy: audit or refuse")
	f.conn.flags(cmd)
	fl.StringVar(&f.group, "group", "", "`NAME` of the enforcer group of a control plane, whose identity and policy are taken")
	f.conn.group(cmd, "group")
	choices(cmd, "mode", "audit", "enforce")
	choices(cmd, "on-no-policy", workload.NoPolicyAudit, workload.NoPolicyRefuse)
	fl.StringArrayVar(&f.labels, "label", nil, "`KEY=VALUE` label of the workload (repeatable)")
	fl.StringArrayVar(&f.enforcers, "enforcer", nil, "MicroEnforcer `FILE` to use instead of the built-in one (repeatable, one an architecture)")
}

// check refuses command lines that cannot mean anything.
func (f *wrapFlags) check(args []string) error {
	usage := func(format string, a ...any) error { return &UsageError{fmt.Errorf(format, a...)} }
	switch {
	case f.dockerfile && len(args) > 1, !f.dockerfile && len(args) != 1:
		return usage("want one SOURCE, got %d arguments", len(args))
	case f.dockerfile && f.output != "":
		return usage("--dockerfile prints lines; it has no -o")
	case !f.dockerfile && f.output == "":
		return usage("where to? give -o DEST")
	case !f.dockerfile && (f.from != "" || f.context != ""):
		return usage("--from and --context belong to --dockerfile")
	case f.from != "" && f.context != "":
		return usage("--from and --context exclude each other")
	default:
		return f.checkIdentity(args)
	}
}

// checkIdentity refuses flags of addIdentity that cannot mean anything.
func (f *wrapFlags) checkIdentity(args []string) error {
	usage := func(format string, a ...any) error { return &UsageError{fmt.Errorf(format, a...)} }
	switch {
	case f.mode != "audit" && f.mode != "enforce":
		return usage("--mode %q: want audit or enforce", f.mode)
	case f.onNoPolicy != workload.NoPolicyAudit && f.onNoPolicy != workload.NoPolicyRefuse:
		return usage("--on-no-policy %q: want audit or refuse", f.onNoPolicy)
	case f.group == "" && (f.conn.Server != "" || f.conn.tokenFile != "" || f.conn.CAFile != ""):
		return usage("--server, --api-token-file and --ca-file say where a group is: give --group")
	case f.group != "" && (len(f.policies) > 0 || f.signingKey != ""):
		return usage("with --group the policy comes from the control plane; --policy and --signing-key do not go with it")
	}
	_, err := parseWrapLabels(f.labels)
	if err != nil {
		return &UsageError{err}
	}
	return f.placeFlags.check(args)
}

func (f *wrapFlags) run(cmd *cobra.Command, source string) error {
	o := wrap.Options{Image: f.imageOptions(), Platforms: f.parsed, Version: version.Version, OwnKey: f.signingKey != ""}
	var err error
	if o.Source, o.Destination, err = f.places(source); err != nil {
		return err
	}
	if o.Identity, err = f.identity(cmd); err != nil {
		return err
	}
	if o.Verdicts, err = f.wrapVerdicts(cmd, o.Source); err != nil {
		return err
	}
	if o.Enforcer, err = enforcerBinaries(f.enforcers); err != nil {
		return err
	}
	bar := f.progress(cmd, "reading layers")
	o.Progress = bar.report
	result, err := wrap.Run(cmd.Context(), o)
	bar.finish()
	if err != nil {
		return err
	}
	return f.report(cmd, result, result.Warnings, func(w io.Writer) {
		printWrapped(w, result)
		f.printIdentity(w, o.Identity)
	})
}

func printWrapped(w io.Writer, r *wrap.Result) {
	what := "wrapped"
	if r.Unchanged {
		what = "unchanged, it was wrapped already:"
	}
	fmt.Fprintf(w, "%s %s\n", what, r.Destination)
	if r.Digest != "" {
		fmt.Fprintf(w, "  digest  %s\n", r.Digest)
	}
	for _, p := range r.Platforms {
		fmt.Fprintf(w, "  %s  image %s\n", p.Platform, p.ImageID)
		fmt.Fprintf(w, "    drift manifest: %d programs, %d scripts, %d shared objects, %d other executable files\n",
			p.Executables, p.Scripts, p.Libraries, p.Others)
		if p.Verdicts > 0 {
			fmt.Fprintf(w, "    signed verdicts about the source: %d\n", p.Verdicts)
		}
		fmt.Fprintf(w, "    added layer: %.1f MB\n", float64(p.LayerBytes)/1e6)
	}
}

// printIdentity says what holds in the image, and what it needs to start.
func (f *wrapFlags) printIdentity(w io.Writer, id wrap.Identity) {
	if f.group != "" {
		fmt.Fprintf(w, "  group   %s, at %s; start it with LIMPET_JOIN_TOKEN (limpet enforcer join-token %s)\n", f.group, id.Embedded.Gateway, f.group)
		return
	}
	what := "the built-in default"
	if len(f.policies) > 0 {
		what = strings.Join(f.policies, ", ")
	}
	note := ""
	if f.mode == string(policy.Audit) {
		note = ": it reports and stops nothing (--mode enforce)"
	}
	fmt.Fprintf(w, "  policy  %s, in %s mode%s\n", what, f.mode, note)
}

// identity makes or fetches what the enforcer starts with.
func (f *wrapFlags) identity(cmd *cobra.Command) (wrap.Identity, error) {
	labels, err := parseWrapLabels(f.labels)
	if err != nil {
		return wrap.Identity{}, err
	}
	if f.group != "" {
		c, err := f.conn.client()
		if err != nil {
			return wrap.Identity{}, err
		}
		var answer json.RawMessage
		if _, err := c.Do(cmd.Context(), http.MethodGet, "/groups/"+url.PathEscape(f.group)+"/embed", "", nil, &answer); err != nil {
			return wrap.Identity{}, fmt.Errorf("cannot fetch group %q: %w", f.group, err)
		}
		id, err := wrap.ParseEmbed(answer)
		if err != nil {
			return wrap.Identity{}, err
		}
		if len(labels) > 0 {
			all := maps.Clone(id.Embedded.Labels)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, labels)
			id.Embedded.Labels = all
		}
		if cmd.Flags().Changed("on-no-policy") {
			id.Embedded.OnNoPolicy = f.onNoPolicy
		}
		return id, nil
	}
	local := wrap.Local{Mode: policy.Mode(f.mode), OnNoPolicy: f.onNoPolicy, Labels: labels, Now: time.Now()}
	if local.Policies, err = readWrapPolicies(f.policies); err != nil {
		return wrap.Identity{}, err
	}
	if f.signingKey != "" {
		var key ed25519.PrivateKey
		if key, err = wrap.ReadSigningKey(f.signingKey); err != nil {
			return wrap.Identity{}, err
		}
		local.Key = key
	}
	return local.Identity()
}

func readWrapPolicies(files []string) ([]*policy.RuntimePolicy, error) {
	var all []*policy.RuntimePolicy
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the policy: %w", err)
		}
		if info.Size() > maxWrapPolicyFile {
			return nil, fmt.Errorf("cannot read the policy: %s has %d bytes, at most %d", file, info.Size(), maxWrapPolicyFile)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the policy: %w", err)
		}
		docs, err := client.Parse(file, string(raw))
		if err != nil {
			return nil, err
		}
		for _, d := range docs { // groups and lists may stand beside policies
			if d.Kind != policy.KindRuntime {
				continue
			}
			p, err := policy.Parse([]byte(d.Text))
			if err != nil {
				return nil, client.Wrong(file, err)
			}
			if slices.ContainsFunc(all, func(o *policy.RuntimePolicy) bool { return o.Metadata.Name == p.Metadata.Name }) {
				return nil, fmt.Errorf("%s: a policy named %q is given twice; give each its own name", d.Source, p.Metadata.Name)
			}
			all = append(all, p)
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%s has no runtime policy", file)
		}
	}
	return all, nil
}

func parseWrapLabels(pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	labels := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--label %.100q: want KEY=VALUE", p)
		}
		labels[k] = v
	}
	return labels, nil
}

// enforcerBinaries gives the built-in enforcers, or those of the files.
func enforcerBinaries(files []string) (func(arch string) ([]byte, error), error) {
	if len(files) == 0 {
		return payload.MicroEnforcer, nil
	}
	by := map[string][]byte{}
	for _, file := range files {
		arch, data, err := payload.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if by[arch] != nil {
			return nil, &UsageError{fmt.Errorf("two enforcers are for %s", arch)}
		}
		by[arch] = data
	}
	return func(arch string) ([]byte, error) {
		if by[arch] == nil {
			return nil, fmt.Errorf("no --enforcer is for %s; choose platforms with --platform", arch)
		}
		return by[arch], nil
	}, nil
}

func (f *wrapFlags) printDockerfile(cmd *cobra.Command, args []string) error {
	d := wrap.Dockerfile{Version: version.Version, From: f.from}
	if len(args) == 1 {
		place, err := image.ParsePlace(args[0], f.insecure)
		if err != nil {
			return &UsageError{err}
		}
		src, err := image.Open(cmd.Context(), place, f.imageOptions())
		if err != nil {
			return err
		}
		defer src.Close()
		d.Source = src
	}
	if f.context != "" {
		if err := f.writeContext(cmd); err != nil {
			return err
		}
	}
	lines, err := d.Lines()
	if err != nil {
		return err
	}
	_, err = io.WriteString(cmd.OutOrStdout(), lines)
	return err
}

func (f *wrapFlags) writeContext(cmd *cobra.Command) error {
	id, err := f.identity(cmd)
	if err != nil {
		return err
	}
	enforcer, err := enforcerBinaries(f.enforcers)
	if err != nil {
		return err
	}
	arches := payload.Arches
	if len(f.parsed) > 0 {
		arches = nil
		for _, p := range f.parsed {
			arches = append(arches, p.Architecture)
		}
	}
	return wrap.WriteContext(cmd.Context(), f.context, id, arches, enforcer)
}

// quietLogs stops go-containerregistry's own warnings: ours say more.
func quietLogs() {
	logs.Warn.SetOutput(io.Discard)
	logs.Progress.SetOutput(io.Discard)
}

func imageUserAgent() string { return "limpet/" + version.Version }

var errWrapPlatform = errors.New("want linux/ARCH, e.g. linux/amd64")

func parseWrapPlatform(s string) (v1.Platform, error) {
	p, err := v1.ParsePlatform(s)
	if err != nil || p.OS != "linux" || p.Architecture == "" {
		return v1.Platform{}, fmt.Errorf("--platform %.50q: %w", s, errWrapPlatform)
	}
	return *p, nil
}
