package policy

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

// TestSchemaIsCurrent holds the published schema against the table it is made
// from. Write it anew with: go test ./internal/policy -run SchemaIsCurrent -update
func TestSchemaIsCurrent(t *testing.T) {
	const file = "runtimepolicy.schema.json"
	if *update {
		if err := os.WriteFile(file, JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, JSONSchema()) {
		t.Errorf("%s is not what the table gives; run this test with -update", file)
	}
}
