package policy

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
)

// ImageAssuranceControl lets only images start about which a trusted key has
// signed a verdict that they pass.
type ImageAssuranceControl struct {
	Setting
	Keys       []PublicKey  `json:"keys,omitempty" max:"16" doc:"Ed25519 public keys that may sign verdicts, beside the control plane's own: 32 bytes in base64, or the line between BEGIN and END PUBLIC KEY."`
	Policies   []PolicyWord `json:"policies,omitempty" max:"64" doc:"Assurance policies that must have judged the image: a name, or NAME@NUMBER for that version or a later one."`
	MaxAgeDays int          `json:"maxAgeDays,omitempty" min:"0" max:"3650" doc:"A verdict counts for at most so many days, even if it says longer; 0: as long as it says."`
}

// PublicKey is an Ed25519 public key in base64.
type PublicKey string

// ed25519Info is what stands before the key in a SubjectPublicKeyInfo (RFC 8410).
var ed25519Info = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

// Bytes gives the 32 bytes.
func (k PublicKey) Bytes() ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(string(k))
	if rest, ok := bytes.CutPrefix(b, ed25519Info); ok {
		b = rest
	}
	if err != nil || len(b) != 32 {
		return nil, errors.New("not an Ed25519 public key in base64; write the line between BEGIN PUBLIC KEY and END PUBLIC KEY")
	}
	return b, nil
}

func (k PublicKey) check() error { _, err := k.Bytes(); return err }

// PolicyWord names an assurance policy: "name", or "name@number".
type PolicyWord string

// Check says what is wrong with the word.
func (w PolicyWord) Check() error { return w.check() }

func (w PolicyWord) check() error {
	name, number, with := strings.Cut(string(w), "@")
	if !ValidName(name) || with && (number == "" || len(number) > 9 || strings.Trim(number, "0123456789") != "") {
		return errors.New("not the name of a policy; write release, or release@7 for version 7 or later")
	}
	return nil
}
