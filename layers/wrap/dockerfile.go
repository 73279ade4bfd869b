package wrap

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/workload"
)

// Dockerfile describes the lines that do in a Dockerfile what wrapping does
// to an image, except for the drift manifest, which only a finished image has.
type Dockerfile struct {
	Version string
	From    string        // image to copy workload.Dir from; "": the build context's .limpet/
	Source  *image.Source // the image the Dockerfile builds, or its base; nil: not known
}

// ContextDir is where a build context holds the files, one folder an
// architecture.
const ContextDir = ".limpet"

// Lines gives the text to append to a Dockerfile.
func (d Dockerfile) Lines() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# Limpet %s: append these lines to the last stage of your Dockerfile.\n", d.Version)
	fmt.Fprintf(&b, "# The drift control needs the manifest of the finished image: for it, run\n# `limpet wrap` on what this builds.\n")
	if d.From != "" {
		fmt.Fprintf(&b, "COPY --from=%s %s/ %s/\n", d.From, workload.Dir, workload.Dir)
	} else {
		fmt.Fprintf(&b, "# `limpet wrap --dockerfile --context DIR` puts the enforcer into DIR/%s.\n", ContextDir)
		fmt.Fprintf(&b, "ARG TARGETARCH=amd64\nCOPY %s/${TARGETARCH}/ %s/\n", ContextDir, workload.Dir)
	}
	fmt.Fprintf(&b, "LABEL %s=%q\n", LabelWrapped, d.Version)
	if d.Source == nil {
		fmt.Fprintf(&b, "# Put your image's own ENTRYPOINT after \"--\", and repeat its CMD: setting\n# ENTRYPOINT resets the CMD of a base image. A HEALTHCHECK is to start with\n# %s.\n", jsonList(healthcheckPrefix))
		fmt.Fprintf(&b, "ENTRYPOINT %s\n", jsonList(runPrefix))
		return b.String(), nil
	}
	img, err := d.image()
	if err != nil {
		return "", err
	}
	c, err := parseConfig(img.Config)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "ENTRYPOINT %s\n", jsonList(wrapEntrypoint(c.Entrypoint)))
	if len(c.Cmd) > 0 {
		fmt.Fprintf(&b, "# ENTRYPOINT resets the CMD of a base image.\nCMD %s\n", jsonList(c.Cmd))
	}
	line, err := c.Health.line(c.Shell)
	b.WriteString(line)
	return b.String(), err
}

// image is any of the source's platforms: they differ in bytes, hardly ever
// in how they start.
func (d Dockerfile) image() (*image.Image, error) {
	if d.Source.Image != nil {
		return d.Source.Image, nil
	}
	for _, c := range d.Source.Index.Children {
		if supported(c) {
			return c.Image, nil
		}
	}
	return nil, fmt.Errorf("the index has no platform that can be wrapped (it has %s): %w", platformNames(d.Source.Index.Children), ErrPlatform)
}

func jsonList(words []string) string {
	raw, err := encode(words)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(raw)
}

// line is the HEALTHCHECK instruction, or "" when there is nothing to run.
func (h *health) line(shell []string) (string, error) {
	if h == nil || len(h.Test) < 2 {
		return "", nil
	}
	test := wrapHealth(h.Test, shell)
	if test[0] != "CMD" {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("HEALTHCHECK")
	for _, o := range []struct{ key, flag string }{
		{"Interval", "interval"}, {"Timeout", "timeout"}, {"StartPeriod", "start-period"}, {"StartInterval", "start-interval"},
	} {
		var d time.Duration
		if err := h.fields.get(o.key, &d); err != nil {
			return "", err
		}
		if d != 0 {
			fmt.Fprintf(&b, " --%s=%s", o.flag, d)
		}
	}
	var retries int
	if err := h.fields.get("Retries", &retries); err != nil {
		return "", err
	}
	if retries != 0 {
		fmt.Fprintf(&b, " --retries=%d", retries)
	}
	fmt.Fprintf(&b, " CMD %s\n", jsonList(test[1:]))
	return b.String(), nil
}

// WriteContext puts what the Dockerfile copies into dir/.limpet, one folder an
// architecture: enforcer, configuration, bundle.
func WriteContext(_ context.Context, dir string, id Identity, arches []string, enforcer func(string) ([]byte, error)) error {
	if err := id.validate(); err != nil {
		return err
	}
	embedded, err := encode(id.embedded(sourceFacts{}, &config{}))
	if err != nil {
		return err
	}
	for _, arch := range arches {
		bin, err := enforcer(arch)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, ContextDir, arch)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("cannot write the build context: %w", err)
		}
		files := map[string][]byte{workload.BinaryPath: bin, workload.ConfigPath: embedded}
		if len(id.Bundle) > 0 {
			files[workload.BundlePath] = id.Bundle
		}
		for name, data := range files {
			mode := os.FileMode(0o444)
			if name == workload.BinaryPath {
				mode = 0o555
			}
			if err := replaceFile(filepath.Join(to, path.Base(name)), data, mode); err != nil {
				return fmt.Errorf("cannot write the build context: %w", err)
			}
		}
	}
	return nil
}

// replaceFile writes beside the file and renames, so that nobody sees half.
func replaceFile(name string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Chmod(mode); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
