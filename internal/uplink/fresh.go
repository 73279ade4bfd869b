package uplink

import (
	"crypto/ed25519"
	"crypto/sha256"
)

// verifyFresh checks the control plane's signature over a nonce of ours and
// the bundle that answers it.
func verifyFresh(nonce, data, sig []byte, key ed25519.PublicKey) bool {
	sum := sha256.Sum256(data)
	return ed25519.Verify(key, append(append([]byte("limpet bundle fresh 1\x00"), nonce...), sum[:]...), sig)
}
