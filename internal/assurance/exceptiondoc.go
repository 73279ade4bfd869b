package assurance

import (
	"github.com/limpet-security/limpet/internal/policy"
)

// KindException is what the document of an exception says it is.
const KindException = "Exception"

// ExceptionDocument is an exception that stands beside the policies: it is
// asked for, approved by somebody else, and expires.
type ExceptionDocument struct {
	APIVersion string      `json:"apiVersion" req:"true" doc:"Version of the document format: limpet.dev/v1."`
	Kind       string      `json:"kind" req:"true" doc:"Exception."`
	Metadata   policy.Meta `json:"metadata" req:"true" doc:"Name and description."`
	Spec       Accept      `json:"spec" req:"true" doc:"What is accepted, by whom, why and until when."`
}

// ParseException reads one document, YAML or JSON. The error is of type
// policy.Errors.
func ParseException(data []byte) (*ExceptionDocument, error) {
	return policy.Decode(KindException, data, func(d *ExceptionDocument, fail policy.Place) {
		if d.APIVersion != policy.APIVersion {
			fail("apiVersion", "%q is not known here; write %s", d.APIVersion, policy.APIVersion)
		}
		if d.Kind != KindException {
			fail("kind", "%q is not known here; write %s", d.Kind, KindException)
		}
		if !policy.ValidName(d.Metadata.Name) {
			fail("metadata.name", "%q: a name has 1 to 63 lower-case letters, digits, dots and hyphens, and starts and ends with a letter or digit", d.Metadata.Name)
		}
		x := d.Spec
		checkAccept(x, "spec", fail)
		if len(x.IDs)+len(x.Packages)+len(x.Paths) == 0 && (len(x.Controls) == 0 || len(x.Images)+len(x.Digests) == 0) {
			fail("spec", "accepts too much; add ids, packages or paths, or controls together with images or digests")
		}
		if x.ReasonClass == "" {
			fail("spec.reasonClass", "is empty; write one of %v", ReasonClass("").Values())
		}
		if x.Expires == nil {
			fail("spec.expires", "is missing; an exception ends some day, such as 2027-03-31")
		}
	})
}

// YAML gives the canonical text of the document.
func (d *ExceptionDocument) YAML() ([]byte, error) { return policy.Encode(d) }

// NotAffected says that the reason is that the artefact is not affected, which
// is what VEX can say; the other reasons accept a risk.
func (c ReasonClass) NotAffected() bool { return c == "notRelevant" || c == "falsePositive" }
