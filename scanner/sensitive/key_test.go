package sensitive_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
)

// newKey makes a private key: real structure, used nowhere.
var newKey = sync.OnceValue(func() string {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

// inJSON is the key as a service account's file has it.
func inJSON() string {
	return `{"type": "service_account", "private_key": "` + strings.ReplaceAll(newKey(), "\n", `\n`) + `"}`
}
