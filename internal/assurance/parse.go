package assurance

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/limpet-security/limpet/internal/policy"
)

// SchemaID is the identifier of the published JSON Schema.
const SchemaID = "https://limpet.dev/schemas/assurancepolicy.json"

// JSONSchema gives the JSON Schema of the document.
func JSONSchema() []byte {
	return policy.SchemaOf[Policy](Kind, SchemaID, "Limpet assurance policy")
}

// Parse reads one document, YAML or JSON. The error is of type policy.Errors
// and holds everything that is wrong, expressions and patterns included.
func Parse(data []byte) (*Policy, error) { return policy.Decode(Kind, data, check) }

// YAML gives the canonical text of the policy.
func (p *Policy) YAML() ([]byte, error) { return policy.Encode(p) }

// check looks for what each value by itself does not show.
func check(p *Policy, fail policy.Place) {
	if p.APIVersion != policy.APIVersion {
		fail("apiVersion", "%q is not known here; write %s", p.APIVersion, policy.APIVersion)
	}
	if p.Kind != Kind {
		fail("kind", "%q is not known here; write %s", p.Kind, Kind)
	}
	if !policy.ValidName(p.Metadata.Name) {
		fail("metadata.name", "%q: a name has 1 to 63 lower-case letters, digits, dots and hyphens, and starts and ends with a letter or digit", p.Metadata.Name)
	}
	c := &p.Spec.Controls
	if reflect.ValueOf(*c).IsZero() {
		fail("spec.controls", "is empty; set at least one control, for example malware: {mode: block}")
	}
	checkLists(c, fail)
	checkExpressions(c, fail)
	checkTags(p, fail)
	for i, x := range p.Spec.Exceptions {
		at := fmt.Sprintf("spec.exceptions[%d]", i)
		if len(x.Controls)+len(x.IDs)+len(x.Packages)+len(x.Paths)+len(x.Images)+len(x.Digests) == 0 {
			fail(at, "selects nothing, so it would accept everything; add ids, packages, paths, images, digests or controls")
		}
		checkAccept(x.Accept, at, fail)
	}
}

// checkAccept asks for a reason and an owner.
func checkAccept(x Accept, at string, fail policy.Place) {
	if strings.TrimSpace(x.Reason) == "" {
		fail(at+".reason", "is empty; say why")
	}
	if strings.TrimSpace(x.Owner) == "" {
		fail(at+".owner", "is empty; say who answers for it")
	}
}

// checkLists reports controls that are on and have nothing to do.
func checkLists(c *Controls, fail policy.Place) {
	empty := func(id ControlID, s Setting, what string, lengths ...int) {
		for _, n := range lengths {
			if n > 0 || s.Mode == Off {
				return
			}
		}
		fail("spec.controls."+string(id), "%s; or set mode: off", what)
	}
	if k := c.Vulnerabilities; k != nil {
		empty(ControlVulnerabilities, k.Setting, "there are no rules, so nothing fails; add one, for example {atLeast: high, fixable: true}", len(k.Rules))
		for i, r := range k.Rules {
			at := fmt.Sprintf("spec.controls.vulnerabilities.rules[%d]", i)
			if blank := r; !selects(blank) {
				fail(at, "selects every vulnerability; say so with atLeast: negligible, or add a selector")
			}
			if r.ScoreAtLeast != nil && r.ScoreBelow != nil && *r.ScoreAtLeast >= *r.ScoreBelow {
				fail(at+".scoreBelow", "is not above scoreAtLeast, so the rule selects nothing")
			}
			if r.PublishedFrom != nil && r.PublishedUntil != nil && !r.PublishedFrom.Before(*r.PublishedUntil) {
				fail(at+".publishedUntil", "is not after publishedFrom, so the rule selects nothing")
			}
		}
	}
	if k := c.Packages; k != nil {
		empty(ControlPackages, k.Setting, "neither deny nor allow has entries; add one", len(k.Deny), len(k.Allow))
		for list, rules := range map[string][]PackageRule{"deny": k.Deny, "allow": k.Allow} {
			for i, r := range rules {
				if reflect.ValueOf(r).IsZero() {
					fail(fmt.Sprintf("spec.controls.packages.%s[%d]", list, i), "selects every package; write name: \"*\" if that is meant")
				}
			}
		}
	}
	if k := c.Licences; k != nil {
		empty(ControlLicences, k.Setting, "neither deny, denyCategories nor allow has entries; add one", len(k.Deny), len(k.DenyCategories), len(k.Allow))
	}
	if k := c.BaseImages; k != nil {
		empty(ControlBaseImages, k.Setting, "no base image is approved; add allow or diffIDs", len(k.Allow), len(k.DiffIDs))
	}
	if k := c.Labels; k != nil {
		empty(ControlLabels, k.Setting, "neither required nor forbidden has entries; add one", len(k.Required), len(k.Forbidden))
	}
	if k := c.OperatingSystems; k != nil {
		n := len(k.Allow) + len(k.Deny)
		if k.EndOfLife {
			n++
		}
		empty(ControlOperatingSystems, k.Setting, "nothing is asked; add allow, deny or endOfLife: true", n)
	}
	if k := c.Misconfigurations; k != nil {
		for i, r := range k.Rules {
			if len(r.IDs)+len(r.Benchmarks)+len(r.Paths) == 0 && r.AtLeast == "" {
				fail(fmt.Sprintf("spec.controls.misconfigurations.rules[%d]", i), "selects every check; add ids, benchmarks, atLeast or paths")
			}
		}
	}
	if k := c.Permissions; k != nil {
		n := len(k.Deny)
		if k.Excessive {
			n++
		}
		empty(ControlPermissions, k.Setting, "nothing is asked; add deny or excessive: true", n)
	}
	if k := c.Age; k != nil {
		empty(ControlAge, k.Setting, "nothing is asked; add imageDays, scanDays or dataDays", k.ImageDays, k.ScanDays, k.DataDays)
	}
	if k := c.Signatures; k != nil {
		empty(ControlSignatures, k.Setting, "no signer is accepted; add one to anyOf", len(k.AnyOf))
		for i, s := range k.AnyOf {
			if s.Key == "" && (s.Identity == "" || s.Issuer == "") {
				fail(fmt.Sprintf("spec.controls.signatures.anyOf[%d]", i), "names no signer; add key, or identity and issuer")
			}
		}
	}
	if k := c.Custom; k != nil {
		empty(ControlCustom, k.Setting, "there are no rules; add one", len(k.Rules))
	}
}

// selects says that a rule has a selector.
func selects(r VulnerabilityRule) bool {
	r.Name, r.Count, r.ExceptIDs, r.ScoreSource, r.ExceptTags, r.Mode, r.Until = "", 0, nil, "", nil, "", nil
	return !reflect.ValueOf(r).IsZero()
}

func checkExpressions(c *Controls, fail policy.Place) {
	if k := c.Vulnerabilities; k != nil {
		for i, r := range k.Rules {
			if r.When == "" {
				continue
			}
			if _, err := compileExpression(r.When, vulnerabilityVocabulary); err != nil {
				fail(fmt.Sprintf("spec.controls.vulnerabilities.rules[%d].when", i), "%v", err)
			}
		}
	}
	if k := c.Custom; k != nil {
		checkCustom(k, fail)
	}
}
