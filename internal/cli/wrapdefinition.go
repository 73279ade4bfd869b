package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/layers/transform"
	"github.com/limpet-security/limpet/layers/wrap"
)

type definitionFlags struct {
	output      string
	carrier     string
	ignore      []string
	priority    string
	noPtrace    bool
	gateway     string
	tokenSecret string
	cpu, memory string
	entrypoints []string
	offline     bool
	undo        bool
	check       bool
	insecure    bool
	json        bool
	quiet       bool
}

func wrapDefinitionCommand() *cobra.Command {
	f := &definitionFlags{}
	cmd := &cobra.Command{
		Use:   "definition FILE [-o OUT]",
		Short: "Put the enforcer into a task, pod, service or container group",
		Long: `Definition edits the text by which a platform runs containers, so that they run
under the MicroEnforcer with the images they have: a carrier container fills a
volume, the others mount it read-only, and their commands stand behind the
enforcer. It knows

  ECS           task definitions as JSON (also "describe-task-definition" output),
                or only its list of containers; Terraform files whose
                container_definitions is jsonencode([...]), concat of such
                lists in it, JSON in a heredoc, or a local of the file,
                .tf.json files, and the JSON that templatefile reads;
                CloudFormation templates in JSON and YAML
  Azure         container groups as YAML, ARM templates (what "az bicep build" makes)
  Cloud Run     services as YAML or JSON
  Kubernetes    Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, ... and
                files with many objects; probes and hooks run under the enforcer too

FILE - reads from standard input. Everything else in it keeps its order, its
comments and its expressions. Twice changes nothing; --undo gives the original
back. Where a container leaves its command to the image, the image is asked;
--entrypoint says it instead. Containers whose image was wrapped need no carrier.`,
		Example: `  # An ECS task, the join token from Secrets Manager, the log router left alone
  limpet wrap definition task.json --carrier registry.example.com/limpet-carrier:1 \
    --ignore-container log-router --gateway limpet.example.com:8444 \
    --token-secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:limpet -o task-limpet.json

  # Kubernetes: see the change, then apply it
  limpet wrap definition deploy.yaml --carrier registry.example.com/limpet-carrier:1 | diff deploy.yaml -
  limpet wrap definition deploy.yaml --carrier registry.example.com/limpet-carrier:1 | kubectl apply -f -

  # Terraform: what is computed stays computed, and may be given
  limpet wrap definition task.tf --carrier '${var.registry}/limpet-carrier:1' \
    --token-secret '${aws_secretsmanager_secret.limpet.arn}' -o task.tf

  # Start the application even where the enforcer cannot work
  limpet wrap definition service.yaml --carrier registry.example.com/limpet-carrier:1 --priority availability

  # Take it out again
  limpet wrap definition task-limpet.json --undo -o task.json`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return &UsageError{fmt.Errorf("want one FILE, got %d arguments", len(args))}
			case f.undo && f.carrier != "":
				return &UsageError{fmt.Errorf("--undo takes the carrier out; --carrier does not go with it")}
			case f.priority != string(transform.Security) && f.priority != string(transform.Availability):
				return &UsageError{fmt.Errorf("--priority %.50q: want %s or %s", f.priority, transform.Security, transform.Availability)}
			case f.carrier != "" && !strings.ContainsAny(f.carrier, "${["): // an expression is the platform's
				if p, err := image.ParsePlace(f.carrier, f.insecure); err != nil || p.Kind != image.Registry {
					return &UsageError{fmt.Errorf("--carrier %.200q: want the name of an image in a registry, with its tag", f.carrier)}
				}
			}
			switch {
			case f.check && f.output != "":
				return &UsageError{fmt.Errorf("--check writes nothing; -o does not go with it")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "`FILE` to write (default: standard output)")
	fl.StringVar(&f.carrier, "carrier", "", "`IMAGE` that limpet wrap carrier made")
	fl.StringArrayVar(&f.ignore, "ignore-container", nil, "`NAME` or glob of a container to leave alone (repeatable)")
	fl.StringVar(&f.priority, "priority", string(transform.Security), "when the enforcer cannot start: security (the application does not start) or availability (it starts unprotected)")
	choices(cmd, "priority", string(transform.Security), string(transform.Availability))
	fl.BoolVar(&f.noPtrace, "no-ptrace", false, "do not ask for the capability SYS_PTRACE")
	fl.StringVar(&f.gateway, "gateway", "", "gateway's `HOST:PORT` (default: the carrier's)")
	fl.StringVar(&f.tokenSecret, "token-secret", "", "where the platform keeps the join token: an `ARN` (ECS), NAME/KEY (Kubernetes, Cloud Run), an expression (ARM, Terraform)")
	fl.StringVar(&f.cpu, "cpu", "", "CPU of the carrier, in the platform's `UNITS`")
	fl.StringVar(&f.memory, "memory", "", "memory of the carrier, in the platform's `UNITS`")
	fl.StringArrayVar(&f.entrypoints, "entrypoint", nil, "`NAME=JSON` what a container starts, where neither definition nor image can say (repeatable)")
	fl.BoolVar(&f.offline, "offline", false, "do not ask any image")
	fl.BoolVar(&f.undo, "undo", false, "give the original definition back")
	fl.BoolVar(&f.check, "check", false, "write nothing; exit with 1 if something would change")
	fl.BoolVar(&f.insecure, "insecure-registry", false, "speak plain HTTP to registries; for tests")
	fl.BoolVar(&f.json, "json", false, "with -o or --check: print a JSON summary")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors and warnings")
	return cmd
}

func (f *definitionFlags) run(cmd *cobra.Command, file string) error {
	data, err := readDefinition(cmd, file)
	if err != nil {
		return err
	}
	o := transform.Options{
		Carrier: f.carrier, Ignore: f.ignore, Priority: transform.Priority(f.priority), NoPtrace: f.noPtrace,
		Gateway: f.gateway, TokenSecret: f.tokenSecret, CPU: f.cpu, Memory: f.memory, Undo: f.undo,
	}
	if o.Entrypoints, err = parseEntrypoints(f.entrypoints); err != nil {
		return err
	}
	if !f.offline {
		o.Start = f.ask
	}
	out, result, err := transform.Transform(cmd.Context(), data, o)
	if file == "-" {
		file = "standard input"
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, w := range result.Warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", w)
	}
	switch {
	case f.check:
	case f.output == "":
		_, err = cmd.OutOrStdout().Write(out)
		return err
	default:
		if err := replaceFile(f.output, out); err != nil {
			return fmt.Errorf("cannot write the definition: %w", err)
		}
	}
	if f.json {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(result); err != nil {
			return err
		}
	} else if !f.quiet {
		note := ""
		if !result.Changed {
			note = ", unchanged"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s%s\n", result.Format, note)
		for _, c := range result.Containers {
			fmt.Fprintf(cmd.OutOrStdout(), "  %-20s %-10s %s\n", c.Name, c.Action, c.Image)
		}
	}
	if f.check && result.Changed {
		return fmt.Errorf("%s would change", file)
	}
	return nil
}

// replaceFile writes a file whole or leaves it as it is: it may be the only copy
// of what was read.
func replaceFile(name string, data []byte) error {
	mode := fs.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if st, err := os.Stat(name); err == nil {
		if mode = st.Mode(); !mode.IsRegular() {
			return os.WriteFile(name, data, 0o644)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".limpet-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode.Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func readDefinition(cmd *cobra.Command, file string) ([]byte, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		h, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the definition: %w", err)
		}
		defer h.Close()
		in = h
	}
	data, err := io.ReadAll(io.LimitReader(in, transform.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the definition: %w", err)
	}
	return data, nil
}

// ask looks at an image where a platform would find it: in its registry.
func (f *definitionFlags) ask(ctx context.Context, name string) (transform.Start, error) {
	quietLogs()
	place, err := image.ParsePlace(name, f.insecure)
	if err != nil {
		return transform.Start{}, err
	}
	entrypoint, cmd, err := wrap.StartOf(ctx, place, image.Options{UserAgent: imageUserAgent()})
	return transform.Start{Entrypoint: entrypoint, Cmd: cmd}, err
}

func parseEntrypoints(pairs []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, p := range pairs {
		name, text, ok := strings.Cut(p, "=")
		var words []string
		if !ok || name == "" || json.Unmarshal([]byte(text), &words) != nil || len(words) == 0 {
			return nil, &UsageError{fmt.Errorf("--entrypoint %.200q: want NAME=[\"/program\",\"argument\"]", p)}
		}
		out[name] = words
	}
	return out, nil
}
