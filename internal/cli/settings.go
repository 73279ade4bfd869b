package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// maxConfig bounds a settings file, in bytes.
const maxConfig = 1 << 20

// fillFlags gives flags that were not typed the value of their environment
// variable, or else of the settings file. A key that is no flag is an error.
func fillFlags(cmd *cobra.Command, file string) error {
	if file == "" {
		file = os.Getenv(envName("config"))
	}
	settings := map[string]yaml.Node{}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("cannot read settings: %w", err)
		}
		defer f.Close()
		if err := yaml.NewDecoder(io.LimitReader(f, maxConfig)).Decode(&settings); err != nil && err != io.EOF {
			return fmt.Errorf("cannot read settings in %s: %w", file, err)
		}
	}
	var failed error
	cmd.Flags().VisitAll(func(fl *pflag.Flag) {
		if fl.Name == "help" || fl.Name == "config" {
			return
		}
		key := keyName(fl.Name)
		node, inFile := settings[key]
		delete(settings, key)
		if fl.Changed || failed != nil {
			return
		}
		if v, ok := os.LookupEnv(envName(fl.Name)); ok {
			if err := cmd.Flags().Set(fl.Name, v); err != nil {
				failed = fmt.Errorf("cannot use %s: %w", envName(fl.Name), err)
			}
			return
		}
		if !inFile {
			return
		}
		values := []*yaml.Node{&node}
		if node.Kind == yaml.SequenceNode && (fl.Value.Type() == "stringArray" || fl.Value.Type() == "stringSlice") {
			values = node.Content
		}
		for _, v := range values {
			if v.Kind != yaml.ScalarNode {
				failed = fmt.Errorf("cannot use %s in %s, line %d: want a value", key, file, v.Line)
				return
			}
			if err := cmd.Flags().Set(fl.Name, v.Value); err != nil {
				failed = fmt.Errorf("cannot use %s in %s, line %d: %w", key, file, v.Line, err)
				return
			}
		}
	})
	if failed != nil {
		return failed
	}
	for key, node := range settings {
		return fmt.Errorf("cannot use %s: there is no setting %q (line %d)", file, key, node.Line)
	}
	return nil
}

// envName is the environment variable of a flag.
func envName(flag string) string {
	return "LIMPET_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// keyName is the key of a flag in a settings file: lowerCamel.
func keyName(flag string) string {
	parts := strings.Split(flag, "-")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// parseAge reads "30d", "12h", or "none" (-1).
func parseAge(s string) (time.Duration, error) {
	if s == "none" {
		return -1, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		if err != nil || n <= 0 || n > 36500 {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time such as 30d or 12h, nor none", s)
	}
	return d, nil
}

// parseSize reads "20GiB", "500MB", a number of bytes, or "none" (-1).
func parseSize(s string) (int64, error) {
	if s == "none" {
		return -1, nil
	}
	for _, u := range []struct {
		suffix string
		factor int64
	}{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1},
	} {
		n, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		if err != nil || v <= 0 || v > (1<<62)/u.factor {
			break
		}
		return v * u.factor, nil
	}
	return 0, fmt.Errorf("%q is not a size such as 20GiB or 500MB, nor none", s)
}
