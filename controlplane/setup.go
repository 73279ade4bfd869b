package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
)

// setupCode makes a new one-time code while no user exists; only its hash is
// kept. "" if the install has its administrator.
func (s *server) setupCode(ctx context.Context) (string, error) {
	has, err := s.store.InstallHasUsers(ctx)
	if err != nil || has {
		return "", err
	}
	code := access.NewSetupCode()
	err = s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetInstallSetupHash(ctx, access.HashSecret(code))
	})
	if err != nil {
		return "", err
	}
	if s.SetupCodeFile != "" {
		if err := os.WriteFile(s.SetupCodeFile, []byte(code+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("cannot write setup code: %w", err)
		}
	}
	return code, nil
}

// show prints what a person at the terminal needs.
func (s *server) show(st Started) {
	if s.JSON {
		b, err := json.Marshal(st)
		if err == nil {
			fmt.Fprintf(s.Out, "%s\n", b)
		}
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Limpet %s is running\n\n  Console     %s\n", st.Version, st.Console)
	if st.Gateway != "" {
		fmt.Fprintf(&b, "  Enforcers   %s\n", st.Gateway)
	}
	fmt.Fprintf(&b, "  Data        %s\n  CA          %s\n", s.Data, st.CAFile)
	if st.SetupCode != "" {
		fmt.Fprintf(&b, "\n  Setup code  %s\n  Open the console and create the administrator with it. It works once.\n", st.SetupCode)
	}
	fmt.Fprintln(&b)
	fmt.Fprint(s.Out, b.String())
}

// lockFolder keeps a second server off the same data.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "server.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot lock data folder %s: another server uses it", dir)
	}
	return func() { _ = f.Close() }, nil
}

// quietLog puts net/http's own messages (mostly failed handshakes) at debug level.
func quietLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
