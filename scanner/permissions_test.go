package scanner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

// TestPermissions reads a policy in each form in which people have it.
func TestPermissions(t *testing.T) {
	document := `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
		{"Effect": "Deny", "NotAction": ["s3:GetObject"], "NotResource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}]}`
	want := []finding.Statement{
		{Source: "p.json, statement 1", Actions: []string{"s3:*"}, Resources: []string{"*"}, Conditional: true},
		{Source: "p.json, statement 2", Deny: true, NotActions: []string{"s3:GetObject"}, NotResources: []string{"arn:aws:s3:::a", "arn:aws:s3:::b"}},
	}
	for _, text := range []string{document, `{"RoleName": "r", "PolicyName": "p", "PolicyDocument": ` + document + `}`, `{"PolicyVersion": {"Document": ` + document + `, "VersionId": "v1"}}`} {
		got, err := readPolicy([]byte(text), "p.json")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	for _, bad := range []string{`{}`, `[]`, `x`, `{"Statement": []`, `{"Statement": 3}`, `{"Statement": {"Effect": "allow", "Action": "a:b"}}`, `{"Statement": {"Effect": "Allow"}}`,
		`{"Statement": {"Effect": "Allow", "Action": "a:b", "NotAction": "a:c"}}`, `{"Statement": {"Effect": "Allow", "Action": [3]}}`} {
		if _, err := readPolicy([]byte(bad), "p.json"); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want ErrPolicy", bad, err)
		}
	}
	big := filepath.Join(t.TempDir(), "big.json")
	if err := os.WriteFile(big, []byte(`{"Statement": {"Effect": "Allow", "Action": [`+strings.Repeat(`"a:b",`, maxWords)+`"a:b"], "Resource": "*"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := permissions([]string{big}); err == nil {
		t.Error("a policy with too many actions was taken")
	}
}

// TestFunctionPermissions: the report holds them, and the digest of the code.
func TestFunctionPermissions(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "role.json")
	if err := os.WriteFile(policy, []byte(`{"Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Kind: finding.KindFunction, Source: writeZip(t, map[string]string{"index.js": "1"}), Permissions: []string{policy}}
	r, err := Scan(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Artifact.Permissions; p == nil || len(p.Statements) != 1 || p.Statements[0].Actions[0] != "iam:PassRole" || r.Artifact.Digest != r.Artifact.Layers[0].DiffID {
		t.Errorf("%+v", r.Artifact)
	}
	o.Permissions = nil
	if r, err = Scan(t.Context(), o); err != nil || r.Artifact.Permissions != nil {
		t.Errorf("%v %+v, want no permissions: nobody gave any", err, r.Artifact.Permissions)
	}
}

func FuzzPermissions(f *testing.F) {
	f.Add([]byte(`{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ["*"]}]}`))
	f.Add([]byte(`{"PolicyVersion": {"Document": {"Statement": {"Effect": "Deny", "NotAction": ["a:b"]}}}}`))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = readPolicy(data, "p") })
}
