package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/controlplane/client"
)

// connection is how a command reaches a control plane.
type connection struct {
	Server    string `yaml:"server"`
	Token     string `yaml:"token"`
	CAFile    string `yaml:"caFile"`
	tokenFile string
}

// flags adds the flags. The token has none of its own: command lines are
// visible to every user of a machine.
func (c *connection) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&c.Server, "server", "", "control plane `URL` (or LIMPET_SERVER, or server in ~/.config/limpet/config.yaml)")
	fl.StringVar(&c.tokenFile, "api-token-file", "", "`FILE` with an API token (or LIMPET_API_TOKEN_FILE, or the token in LIMPET_TOKEN or in the file)")
	fl.StringVar(&c.CAFile, "ca-file", "", "`FILE` with the CA to trust (or LIMPET_CA_FILE, or caFile in the file)")
}

// client takes each setting from its flag, else the environment, else the
// user's file.
func (c *connection) client() (*client.Client, error) {
	if c.tokenFile == "" {
		c.tokenFile = os.Getenv("LIMPET_API_TOKEN_FILE")
	}
	if c.tokenFile != "" {
		b, err := readBounded(c.tokenFile, 4096)
		if err != nil {
			return nil, fmt.Errorf("cannot read API token: %w", err)
		}
		c.Token = strings.TrimSpace(string(b))
		if c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n") {
			return nil, fmt.Errorf("cannot read API token: %s does not hold one token", c.tokenFile)
		}
	}
	file, err := userFile()
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		value     *string
		env, file string
	}{
		{&c.Server, "LIMPET_SERVER", file.Server}, {&c.Token, "LIMPET_TOKEN", file.Token}, {&c.CAFile, "LIMPET_CA_FILE", file.CAFile},
	} {
		if *s.value == "" {
			*s.value = os.Getenv(s.env)
		}
		if *s.value == "" {
			*s.value = s.file
		}
	}
	if c.Server == "" {
		return nil, &UsageError{errors.New("no control plane is named: use --server, LIMPET_SERVER or ~/.config/limpet/config.yaml")}
	}
	if c.Token == "" {
		return nil, &UsageError{errors.New("no API token is given: use --api-token-file, LIMPET_API_TOKEN_FILE, LIMPET_TOKEN or ~/.config/limpet/config.yaml (the console makes tokens under Settings)")}
	}
	return client.New(client.Config{Server: c.Server, Token: c.Token, CAFile: c.CAFile})
}

// userFile reads ~/.config/limpet/config.yaml, if there is one. A file with a
// token that others may read is refused.
func userFile() (connection, error) {
	var c connection
	dir, err := os.UserConfigDir()
	if err != nil {
		return c, nil // no home: no file
	}
	name := filepath.Join(dir, "limpet", "config.yaml")
	b, err := readBounded(name, 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("cannot read settings: %w", err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("cannot read settings in %s: %w", name, err)
	}
	if c.Token != "" {
		if st, err := os.Stat(name); err == nil && st.Mode().Perm()&0o077 != 0 {
			return c, fmt.Errorf("cannot use %s: it holds a token and others may read it (chmod 600)", name)
		}
	}
	return c, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return b, err
}
