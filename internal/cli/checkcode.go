package cli

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// codeDigest gives the digest of a function's code: of a zip, or as people have
// it from somewhere else.
func codeDigest(code string) (string, error) {
	if code == "" {
		return "", nil
	}
	sum, err := base64.StdEncoding.DecodeString(code)
	if digits, ok := strings.CutPrefix(code, "sha256:"); ok {
		sum, err = hex.DecodeString(digits)
	}
	if err == nil && len(sum) == sha256.Size {
		return "sha256:" + hex.EncodeToString(sum), nil
	}
	f, err := os.Open(code)
	if err != nil {
		return "", fmt.Errorf("--code is neither a digest nor a file that can be read: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("cannot read %s: %w", code, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
