package registries

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
)

// ping finds out whether a registry answers at the address, and whether it
// lets us in.
func (c *connection) ping(ctx context.Context) error {
	address := at(c.base.String(), nil, "v2", "")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", c.Agent)
	res, err := c.api.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	asked := res.Header.Get("WWW-Authenticate")
	switch {
	case res.StatusCode == http.StatusUnauthorized && asked == "", res.StatusCode == http.StatusNotFound:
		return problem(NotRegistry, "%s answers, but is no registry (%s at /v2/)", c.base.Host, res.Status)
	case res.StatusCode == http.StatusForbidden:
		return ofStatus(res.StatusCode, fmt.Errorf("%s answered %s", address, res.Status))
	case res.StatusCode >= 300 && res.StatusCode != http.StatusUnauthorized:
		return problem(NotRegistry, "%s answers %s at /v2/: no registry does", c.base.Host, res.Status)
	case res.StatusCode == http.StatusOK && res.Header.Get("Docker-Distribution-Api-Version") == "" && strings.Contains(res.Header.Get("Content-Type"), "html"):
		return problem(NotRegistry, "%s answers with a web page: it is no registry", c.base.Host)
	}
	// Where the registry asks for nothing, wrong credentials would go unnoticed
	// here; the listing that follows uses them.
	if _, err := authn.Authorization(ctx, c.auth); err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	rt, err := transport.NewWithContext(ctx, c.reg, c.auth, c.guard, nil)
	if err != nil {
		return err
	}
	if req, err = http.NewRequestWithContext(ctx, http.MethodGet, address, nil); err != nil {
		return err
	}
	if res, err = (&http.Client{Transport: rt, CheckRedirect: stay}).Do(req); err != nil {
		return err
	}
	_ = res.Body.Close()
	// A token without scope lets nobody see anything on some registries: then the
	// listing says what is missing. Basic credentials are right or wrong here.
	if res.StatusCode == http.StatusUnauthorized && (c.spec.Method() == spec.Anonymous || strings.HasPrefix(strings.ToLower(asked), "basic")) {
		return ofStatus(res.StatusCode, fmt.Errorf("%s answered %s", address, res.Status))
	}
	return nil
}
