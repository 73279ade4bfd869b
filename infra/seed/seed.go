package seed

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/limpet-security/limpet/controlplane/client"
)

// Target is the server to fill.
type Target struct {
	Server  string // https://host:port of console and API
	Gateway string // host:port
	CAFile  string // PEM of the install's CA
	Token   string // of an administrator
}

// patience bounds each wait for the server.
const patience = time.Minute

type seeder struct {
	Target
	api      *client.Client
	ca       string
	registry string // host:port of the one on loopback
}

// Fill fills the server and returns when everything is committed. The
// enforcers that it plays send heartbeats until ctx ends; wait returns when
// they have ended.
func Fill(ctx context.Context, to Target) (wait func(), err error) {
	api, err := client.New(client.Config{Server: to.Server, Token: to.Token, CAFile: to.CAFile})
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(to.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read CA: %w", err)
	}
	s := &seeder{Target: to, api: api, ca: string(ca)}
	if err := s.documents(ctx); err != nil {
		return nil, err
	}
	if err := s.inventory(ctx); err != nil {
		return nil, err
	}
	if err := s.exceptions(ctx); err != nil {
		return nil, err
	}
	if err := s.scans(ctx); err != nil {
		return nil, err
	}
	if err := s.registries(ctx); err != nil {
		return nil, err
	}
	f, err := s.enforcers(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.triage(ctx); err != nil {
		return nil, err
	}
	return f.tasks.Wait, nil
}

func (s *seeder) documents(ctx context.Context) error {
	for _, l := range lists {
		if _, err := s.api.Do(ctx, http.MethodPost, "/reputation-lists", "", l, nil); err != nil {
			return fmt.Errorf("cannot add reputation list: %w", err)
		}
	}
	for _, text := range policies {
		if _, err := s.api.Do(ctx, http.MethodPost, "/policies", "", map[string]any{"yaml": text}, nil); err != nil {
			return fmt.Errorf("cannot add policy: %w", err)
		}
	}
	for _, g := range groups {
		if _, err := s.api.Do(ctx, http.MethodPost, "/groups", "", g, nil); err != nil {
			return fmt.Errorf("cannot add group: %w", err)
		}
	}
	return nil
}

func (s *seeder) joinToken(ctx context.Context, group string) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	_, err := s.api.Do(ctx, http.MethodPost, "/groups/"+group+"/join-tokens", "", map[string]any{"ttlSeconds": 86400, "maxUses": 100}, &made)
	if err != nil {
		return "", fmt.Errorf("cannot make join token: %w", err)
	}
	return made.Token, nil
}

// triage does what people do with findings: one is acknowledged, one muted for
// a while.
func (s *seeder) triage(ctx context.Context) error {
	for control, change := range map[string]map[string]any{
		"privilegeChange": {"state": "acknowledged", "reason": "cron switches users; ticket OPS-412"},
		"setuidBinaries":  {"state": "muted", "reason": "ping is part of the health check", "expiresAt": time.Now().AddDate(0, 0, 7)},
	} {
		var list struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		if _, err := s.api.Do(ctx, http.MethodGet, "/findings?control="+control, "", nil, &list); err != nil {
			return fmt.Errorf("cannot list findings: %w", err)
		}
		if len(list.Items) == 0 {
			return fmt.Errorf("no finding of %s", control)
		}
		path := "/findings/" + url.PathEscape(list.Items[0].ID)
		etag, err := s.api.Do(ctx, http.MethodGet, path, "", nil, nil)
		if err != nil {
			return fmt.Errorf("cannot read finding: %w", err)
		}
		if _, err := s.api.Do(ctx, http.MethodPut, path, etag, change, nil); err != nil {
			return fmt.Errorf("cannot change finding: %w", err)
		}
	}
	return nil
}
