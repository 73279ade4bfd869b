package seed

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// requests are exceptions that wait for somebody to decide: the seed's token
// asked, so the person who looks at the console may approve.
var requests = []map[string]any{
	{"name": "openssl-shop", "spec": map[string]any{"ids": []string{"CVE-2024-0727"}, "packages": []string{"openssl"}, "images": []string{"registry.example.com/shop/**"}, "owner": "shop", "reasonClass": "notRelevant", "reason": "PKCS#12 files are not read"}},
	{"name": "webp-payments", "spec": map[string]any{"ids": []string{"CVE-2023-4863"}, "images": []string{"registry.example.com/payments/**"}, "owner": "payments", "reasonClass": "notRelevant", "reason": "The gateway reads no pictures"}},
	{"name": "root-batch", "spec": map[string]any{"controls": []string{"rootUser"}, "images": []string{"registry.example.com/batch/**"}, "owner": "data", "reasonClass": "riskMitigated", "reason": "Runs under a user namespace; OPS-501"}},
}

func (s *seeder) exceptions(ctx context.Context) error {
	for i, r := range requests {
		spec := r["spec"].(map[string]any)
		spec["expires"] = time.Now().AddDate(0, i+1, 0).UTC().Format(time.DateOnly)
		doc := map[string]any{"apiVersion": "limpet.dev/v1", "kind": "Exception", "metadata": map[string]any{"name": r["name"]}, "spec": spec}
		if _, err := s.api.Do(ctx, http.MethodPost, "/exceptions", "", map[string]any{"document": doc}, nil); err != nil {
			return fmt.Errorf("cannot ask for exception: %w", err)
		}
	}
	return nil
}
