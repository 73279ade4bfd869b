package client

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestRegistryDocument(t *testing.T) {
	t.Setenv("SHOP_PASSWORD", "hidden-word")
	text := "apiVersion: " + policy.APIVersion + `
kind: Registry
metadata:
  name: shop
spec:
  type: harbor
  address: https://harbor.test
  auth:
    method: basic
    username: robot
  select:
    tags:
      exclude: ["*-debug"]
  schedule:
    daily: "03:30"
    timeZone: Asia/Tokyo
credentials:
  password: {env: SHOP_PASSWORD}
`
	normal, body, err := parseRegistry(text)
	if err != nil {
		t.Fatal(err)
	}
	b := body.(RegistryBody)
	if b.Credentials[spec.Password] != "hidden-word" || strings.Contains(normal, "hidden-word") || strings.Contains(normal, "credentials") {
		t.Errorf("%+v\n%s", b, normal)
	}
	// What the server shows of it is the same document again.
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := textOfRegistry(raw); err != nil || shown != normal {
		t.Errorf("%v\n%s\n%s", err, shown, normal)
	}
	if !(Document{body: b}).brings() || (Document{body: RegistryBody{}}).brings() {
		t.Error("who brings secrets")
	}
	for what, change := range map[string][2]string{
		"unknown field": {"daily:", "dayly:"}, "time zone": {"Asia/Tokyo", "Asia/Tokio"}, "secret in the document": {"{env: SHOP_PASSWORD}", "word"},
		"no such variable": {"SHOP_PASSWORD", "NOBODY_SET_THIS"}, "type": {"type: harbor", "type: harbour"}, "plain HTTP": {"https://harbor", "http://harbor"},
	} {
		if _, _, err := parseRegistry(strings.Replace(text, change[0], change[1], 1)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
