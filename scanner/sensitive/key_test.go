package sensitive_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
)

// newKey is a private key: real structure, used nowhere.
var newKey = sync.OnceValue(makeKey)

func makeKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// inJSON is the key as a service account's file has it.
func inJSON() string {
	return `{"type": "service_account", "private_key": "` + strings.ReplaceAll(newKey(), "\n", `\n`) + `"}`
}

// A line of a key that begins or ends with a plus is whole, also in source code.
func TestKeyLines(t *testing.T) {
	i := newInspector(t)
	for range 200 { // every seventh key has such a line
		pem := strings.TrimSpace(makeKey())
		lines := strings.Split(pem, "\n")
		for name, content := range map[string]string{
			"plain.pem": pem,
			"a.json":    `{"private_key": "` + strings.ReplaceAll(pem, "\n", `\n`) + `"}`,
			"a.go":      "const key = \"" + strings.Join(lines, "\\n\" +\n\t\"") + "\"\n",
			"a.js":      "const key = '" + strings.Join(lines, "\\n'\n  + '") + "';\n",
			"a.sh":      "key=\"" + strings.Join(lines, "\\n\\\n") + "\"\n",
			"a.py":      "key = ['" + strings.Join(lines, "',\n '") + "']\n",
		} {
			if len(i.Inspect(file("/srv/"+name, content)).Secrets) == 0 {
				t.Fatalf("nothing found in %s:\n%s", name, content)
			}
		}
	}
}
