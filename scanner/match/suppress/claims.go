package suppress

import (
	"cmp"
	"strings"

	"github.com/package-url/packageurl-go"
)

// Claim is one "not affected" of a document about one artefact, as far as an
// exception can say the same.
type Claim struct {
	IDs      []string
	Image    string   // reference without digest; "" where Digest says which
	Digest   string   // sha256:... of the image
	Packages []string // names; none: all of the image
	Words    string   // the justification, and the versions that it is about
	Ref      string   // where it stands in the document
	// Problem is why no exception says the same; then there is nothing else.
	Problem string
}

// Claims are what the document says is not affected, in its order. What it says
// of packages wherever they are is not an exception's to say, but a scan's
// (limpet scan --vex): exceptions know no versions.
func (v *VEX) Claims() (out []Claim) {
	for _, s := range v.ordered {
		if s.status != notAffected {
			continue
		}
		for _, p := range s.products {
			c := Claim{IDs: s.ids, Words: s.words, Ref: s.ref}
			c.Image, c.Digest = p.artifact()
			if c.Image == "" && c.Digest == "" {
				c.Problem = "it is about " + p.id + ", which is no image"
			}
			var versions []string
			for _, part := range p.parts {
				if part.purl == nil {
					c.Problem = "it is about " + part.id + ", which is no package URL"
					continue
				}
				c.Packages = append(c.Packages, packageName(part.purl))
				if part.purl.Version != "" {
					versions = append(versions, packageName(part.purl)+" "+part.purl.Version)
				}
			}
			c.Words = join(c.Words, strings.Join(versions, ", "))
			out = append(out, c)
		}
	}
	return out
}

// Others counts the statements that say something else than "not affected".
func (v *VEX) Others() (n int) {
	for _, s := range v.ordered {
		if s.status != notAffected {
			n++
		}
	}
	return n
}

// artifact gives the image that the product is, by digest if it has one.
func (p product) artifact() (image, digest string) {
	if p.purl == nil {
		if strings.HasPrefix(p.id, "sha256:") {
			return "", p.id
		}
		return "", ""
	}
	if p.purl.Type != packageurl.TypeOCI && p.purl.Type != packageurl.TypeDocker {
		return "", ""
	}
	if strings.HasPrefix(p.purl.Version, "sha256:") {
		return "", p.purl.Version
	}
	qualifiers := p.purl.Qualifiers.Map()
	image = qualifiers["repository_url"]
	if image == "" && p.purl.Type == packageurl.TypeDocker {
		image = strings.TrimPrefix(p.purl.Namespace+"/"+p.purl.Name, "/")
	}
	if tag := cmp.Or(qualifiers["tag"], p.purl.Version); image != "" && tag != "" {
		image += ":" + tag
	}
	return image, ""
}

// packageName is the name that reports have for a package URL's.
func packageName(u *packageurl.PackageURL) string {
	switch u.Type {
	case packageurl.TypeMaven:
		return strings.TrimPrefix(u.Namespace+":"+u.Name, ":")
	case packageurl.TypeDebian, packageurl.TypeRPM, packageurl.TypeApk:
		return u.Name
	}
	return strings.TrimPrefix(u.Namespace+"/"+u.Name, "/")
}
