package wrap

import (
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/workload"
)

// Labels in a wrapped image's configuration, and annotations of its manifest.
const (
	LabelWrapped      = "dev.limpet.wrapped"       // version of limpet that wrapped it
	LabelLayer        = "dev.limpet.layer"         // diff ID of the layer that was added
	LabelSourceDigest = "dev.limpet.source.digest" // manifest digest of the source, where it has one
	LabelSourceID     = "dev.limpet.source.id"     // configuration digest (image ID) of the source

	baseDigest = "org.opencontainers.image.base.digest"
	baseName   = "org.opencontainers.image.base.name"
)

// Command lines put in front of the image's own.
var (
	runPrefix         = []string{workload.BinaryPath, "run", "--"}
	healthcheckPrefix = []string{workload.BinaryPath, "healthcheck", "--"}
	defaultShell      = []string{"/bin/sh", "-c"}
)

// command is what an image's configuration says about starting it.
type command struct {
	Entrypoint []string
	Cmd        []string
	Shell      []string
	Health     *health
	Labels     map[string]string
}

// health is a HEALTHCHECK; its other keys (Interval, ...) stay as they are.
type health struct {
	Test   []string
	fields fields
}

// config is an image configuration that can be edited without losing what we
// do not know.
type config struct {
	top, run fields
	command
}

func parseConfig(raw []byte) (*config, error) {
	top, err := parseFields(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot read the image configuration: %w", err)
	}
	c := &config{top: top}
	if c.run, err = parseFields(top.raw("config")); err != nil {
		return nil, fmt.Errorf("cannot read the image configuration: config: %w", err)
	}
	for name, into := range map[string]any{
		"Entrypoint": &c.Entrypoint, "Cmd": &c.Cmd, "Shell": &c.Shell, "Labels": &c.Labels,
	} {
		if err := c.run.get(name, into); err != nil {
			return nil, fmt.Errorf("cannot read the image configuration: %w", err)
		}
	}
	if raw := c.run.raw("Healthcheck"); raw != nil && string(raw) != "null" {
		h := &health{}
		if h.fields, err = parseFields(raw); err != nil {
			return nil, fmt.Errorf("cannot read the health check: %w", err)
		}
		if err := h.fields.get("Test", &h.Test); err != nil {
			return nil, fmt.Errorf("cannot read the health check: %w", err)
		}
		c.Health = h
	}
	return c, nil
}

// wrapEntrypoint puts the enforcer in front, once.
func wrapEntrypoint(entrypoint []string) []string {
	return slices.Concat(runPrefix, bareEntrypoint(entrypoint))
}

// bareEntrypoint is the entrypoint without our prefix.
func bareEntrypoint(entrypoint []string) []string {
	for len(entrypoint) >= len(runPrefix) && slices.Equal(entrypoint[:len(runPrefix)], runPrefix) {
		entrypoint = entrypoint[len(runPrefix):]
	}
	return entrypoint
}

// wrapHealth makes a health check run under the enforcer. CMD-SHELL becomes
// CMD with the image's shell, as the daemon would have run it; NONE and an
// inherited check stay.
func wrapHealth(test, shell []string) []string {
	if len(test) < 2 {
		return test
	}
	switch test[0] {
	case "CMD":
		if len(test) > len(healthcheckPrefix) && slices.Equal(test[1:1+len(healthcheckPrefix)], healthcheckPrefix) {
			return test
		}
		return slices.Concat([]string{"CMD"}, healthcheckPrefix, test[1:])
	case "CMD-SHELL":
		if len(shell) == 0 {
			shell = defaultShell
		}
		return slices.Concat([]string{"CMD"}, healthcheckPrefix, shell, []string{test[1]})
	default:
		return test
	}
}

// healthCommand is what a health check runs under the enforcer; nil: nothing.
func healthCommand(test, shell []string) []string {
	w := wrapHealth(test, shell)
	if len(w) <= 1+len(healthcheckPrefix) || w[0] != "CMD" {
		return nil
	}
	return w[1+len(healthcheckPrefix):]
}

// wrapped gives the configuration of the wrapped image: the same, with our
// layer, entrypoint, health check, labels and one line of history.
func (c *config) wrapped(layer v1.Hash, version string, labels map[string]string) ([]byte, error) {
	run := clone(c.run)
	if err := run.set("Entrypoint", wrapEntrypoint(c.Entrypoint)); err != nil {
		return nil, err
	}
	if c.Health != nil {
		h := clone(c.Health.fields)
		if err := h.set("Test", wrapHealth(c.Health.Test, c.Shell)); err != nil {
			return nil, err
		}
		if err := run.set("Healthcheck", h); err != nil {
			return nil, err
		}
	}
	all := map[string]string{}
	for k, v := range c.Labels {
		all[k] = v
	}
	for k, v := range labels {
		all[k] = v
	}
	all[LabelWrapped] = version
	all[LabelLayer] = layer.String()
	if err := run.set("Labels", all); err != nil {
		return nil, err
	}
	top := clone(c.top)
	if err := top.set("config", run); err != nil {
		return nil, err
	}
	if err := addDiffID(top, layer); err != nil {
		return nil, err
	}
	if err := addHistory(top, version); err != nil {
		return nil, err
	}
	return encode(top)
}

func addDiffID(top fields, layer v1.Hash) error {
	rootfs, err := parseFields(top.raw("rootfs"))
	if err != nil {
		return err
	}
	var ids []string
	if err := rootfs.get("diff_ids", &ids); err != nil {
		return err
	}
	if err := rootfs.set("diff_ids", append(ids, layer.String())); err != nil {
		return err
	}
	return top.set("rootfs", rootfs)
}

// addHistory records the layer. An image without history stays without: one
// line for many layers would be wrong.
func addHistory(top fields, version string) error {
	var history []json.RawMessage
	if err := top.get("history", &history); err != nil {
		return err
	}
	if len(history) == 0 {
		return nil
	}
	line := fields{}
	if created := top.raw("created"); created != nil {
		line["created"] = created
	}
	if err := line.set("created_by", "limpet wrap "+version); err != nil {
		return err
	}
	if err := line.set("comment", "runs under the Limpet MicroEnforcer"); err != nil {
		return err
	}
	raw, err := encode(line)
	if err != nil {
		return err
	}
	return top.set("history", append(history, raw))
}

func clone(f fields) fields {
	out := make(fields, len(f))
	for k, v := range f {
		out[k] = v
	}
	return out
}
