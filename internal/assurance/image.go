package assurance

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/cosign"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
)

// Labels that say what an image was built upon, that it is wrapped, and which
// layer wrapping added (package layers/wrap sets the last two).
const (
	labelBaseName = "org.opencontainers.image.base.name"
	labelWrapped  = "dev.limpet.wrapped"
	labelLayer    = "dev.limpet.layer"
)

// config gives the image's configuration, or says that there is none to judge.
func (r *run) config(id ControlID) *finding.Config {
	if r.report.Artifact.Kind != finding.KindImage {
		return nil
	}
	if r.report.Artifact.Image == nil {
		r.notKnown("%s: the report holds no image configuration: counted as a violation", id)
		return &finding.Config{}
	}
	return r.report.Artifact.Image
}

func one(id, detail string) []candidate { return []candidate{{Ref: Ref{ID: id, Detail: detail}}} }

func said(s string) func(int) string { return func(int) string { return s } }

// judgeRootUser fails for images whose user is root, by name, by number or by default.
func judgeRootUser(r *run, id ControlID, mode Mode) {
	c := r.config(id)
	if c == nil {
		return
	}
	user, _, _ := strings.Cut(c.User, ":")
	if n, err := strconv.ParseUint(user, 10, 32); user == "" || user == "root" || err == nil && n == 0 {
		r.violated(id, mode, "", 0, one("root-user", cmp.Or(c.User, "no USER is set")), said("the image runs as root"))
	}
}

// judgeMicroEnforcer fails for images that are not wrapped. Where nobody
// looked for the enforcer itself the labels' word is taken, if the layer that
// they name is there: whoever builds the image could forge that.
func judgeMicroEnforcer(r *run, id ControlID, mode Mode) {
	c := r.config(id)
	if c == nil || r.subject.Wrapped {
		return
	}
	if c.Labels[labelWrapped] != "" && slices.ContainsFunc(r.report.Artifact.Layers, func(l finding.Layer) bool { return l.DiffID == c.Labels[labelLayer] }) {
		return
	}
	r.violated(id, mode, "", 0, one("not-wrapped", ""), said("the image holds no MicroEnforcer; wrap it with limpet wrap"))
}

func (k *BaseImages) compile() (func(*run, ControlID, Mode), error) {
	allow, err := compile(k.Allow)
	return func(r *run, id ControlID, mode Mode) {
		c := r.config(id)
		if c == nil {
			return
		}
		base := c.Labels[labelBaseName]
		if base != "" && len(allow) > 0 && allow.image(base) {
			return
		}
		layers := r.report.Artifact.Layers
		if len(layers) > 0 && slices.ContainsFunc(k.DiffIDs, func(d policy.Digest) bool { return d.String() == layers[0].DiffID }) {
			return
		}
		r.violated(id, mode, "", 0, one("base-image", cmp.Or(base, "not known")), said("the base image is not one of those approved"))
	}, err
}

func (k *Labels) compile() (func(*run, ControlID, Mode), error) {
	return func(r *run, id ControlID, mode Mode) {
		c := r.config(id)
		if c == nil {
			return
		}
		has := func(key, want string) bool {
			got, ok := c.Labels[key]
			return ok && (want == "*" || got == want)
		}
		var missing, forbidden []candidate
		for _, key := range sortedKeys(k.Required) {
			if !has(key, k.Required[key]) {
				missing = append(missing, candidate{Ref: Ref{ID: key, Detail: "wanted " + k.Required[key]}})
			}
		}
		for _, key := range sortedKeys(k.Forbidden) {
			if has(key, k.Forbidden[key]) {
				forbidden = append(forbidden, candidate{Ref: Ref{ID: key, Detail: c.Labels[key]}})
			}
		}
		r.violated(id, mode, "required", 0, missing, func(n int) string { return counted(n, "required label") + " missing" })
		r.violated(id, mode, "forbidden", 0, forbidden, func(n int) string { return counted(n, "forbidden label") })
	}, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (k *Environment) compile() (func(*run, ControlID, Mode), error) {
	deny, err := compile(k.Deny)
	return func(r *run, id ControlID, mode Mode) {
		c := r.config(id)
		if c == nil {
			return
		}
		var found []candidate
		for _, name := range c.EnvNames {
			if deny.match(name) {
				found = append(found, candidate{Ref: Ref{ID: name}})
			}
		}
		r.violated(id, mode, "", 0, found, func(n int) string { return counted(n, "forbidden variable") })
	}, err
}

func (k *Ports) compile() (func(*run, ControlID, Mode), error) {
	return func(r *run, id ControlID, mode Mode) {
		c := r.config(id)
		if c == nil {
			return
		}
		var found []candidate
		for _, port := range c.Ports {
			text, _, _ := strings.Cut(port, "/")
			n, err := strconv.ParseUint(text, 10, 16)
			if err == nil && slices.ContainsFunc(k.Deny, func(p policy.Ports) bool { return uint64(p.First) <= n && n <= uint64(p.Last) }) {
				found = append(found, candidate{Ref: Ref{ID: port}})
			}
		}
		r.violated(id, mode, "", 0, found, func(n int) string { return counted(n, "forbidden port") })
	}, nil
}

func (k *Instructions) compile() (func(*run, ControlID, Mode), error) {
	deny, err := expressions(k.Deny)
	return func(r *run, id ControlID, mode Mode) {
		c := r.config(id)
		if c == nil {
			return
		}
		for i, re := range deny {
			var found []candidate
			for _, line := range c.History {
				if re.MatchString(line) {
					found = append(found, candidate{Ref: Ref{ID: re.String(), Detail: clip(line)}})
				}
			}
			r.violated(id, mode, "deny["+strconv.Itoa(i)+"]", 0, found, func(n int) string { return counted(n, "forbidden instruction") })
		}
	}, err
}

var manySpaces = regexp.MustCompile(`\s+`)

func clip(s string) string {
	s = manySpaces.ReplaceAllString(s, " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "..."
	}
	return s
}

func (k *OperatingSystems) compile() (func(*run, ControlID, Mode), error) {
	return func(r *run, id ControlID, mode Mode) {
		system := r.report.OS
		if system == nil {
			if len(k.Allow) > 0 {
				r.violated(id, mode, "allow", 0, one("unknown", ""), said("the operating system was not recognised"))
			}
			return
		}
		name := system.ID + ":" + system.Version
		is := func(want string) bool { return want == system.ID || want == name }
		if slices.ContainsFunc(k.Deny, is) {
			r.violated(id, mode, "deny", 0, one(name, system.Name), said("the operating system is forbidden"))
		} else if len(k.Allow) > 0 && !slices.ContainsFunc(k.Allow, is) {
			r.violated(id, mode, "allow", 0, one(name, system.Name), said("the operating system is not among those allowed"))
		}
		if k.EndOfLife && (system.Ended || ended(system, r)) {
			r.violated(id, mode, "endOfLife", 0, one(name, system.EndOfLife), said("the operating system gets no more security fixes"))
		}
	}, nil
}

func ended(o *finding.OS, r *run) bool {
	d, ok := days(o.EndOfLife, r.subject.Now)
	return ok && d > 0
}

func (k *Registries) compile() (func(*run, ControlID, Mode), error) {
	allow, err := compile(k.Allow)
	return func(r *run, id ControlID, mode Mode) {
		if r.report.Artifact.Kind == finding.KindImage && !allow.image(r.subject.Reference) {
			r.violated(id, mode, "", 0, one("registry", r.subject.Reference), said("the image comes from a registry that is not allowed"))
		}
	}, err
}

func (k *Signatures) compile() (func(*run, ControlID, Mode), error) {
	type signer struct {
		Signer
		identity patterns
		key      *cosign.Key // nil: Key is only an identifier
	}
	var signers []signer
	for _, s := range k.AnyOf {
		c := signer{Signer: s}
		if key, err := cosign.ParseKey(s.Key); err == nil {
			c.key = key
		}
		if s.Identity != "" {
			var err error
			if c.identity, err = compile([]string{s.Identity}); err != nil {
				return nil, err
			}
		}
		signers = append(signers, c)
	}
	accepted := func(s signer, g Signature) bool {
		return s.Key != "" && (s.Key == g.Key || s.key != nil && s.key.ID == g.Key) || s.Identity != "" && s.Issuer == g.Issuer && s.identity.match(g.Identity)
	}
	return func(r *run, id ControlID, mode Mode) {
		if r.report.Artifact.Kind != finding.KindImage {
			return
		}
		found := r.report.Signatures
		switch {
		case found != nil && found.Problem != "":
			r.notKnown("%s: signatures could not be looked for: counted as unsigned", id)
		case found == nil && r.subject.Signatures == nil:
			r.notKnown("%s: nobody looked for signatures: counted as unsigned", id)
		}
		if found != nil {
			for _, g := range found.Items {
				if slices.ContainsFunc(signers, func(s signer) bool { return s.key != nil && s.key.Signed(g.Subject, g.MediaType, g.Document, g.Value) }) {
					return
				}
			}
		}
		for _, g := range r.subject.Signatures {
			if slices.ContainsFunc(signers, func(s signer) bool { return accepted(s, g) }) {
				return
			}
		}
		r.violated(id, mode, "", 0, one("unsigned", counted(len(r.subject.Signatures)+len(itemsOf(found)), "signature")), said("no accepted signer has signed the image"))
	}, nil
}

func itemsOf(s *finding.Signatures) []finding.Signature {
	if s == nil {
		return nil
	}
	return s.Items
}

func (k *Age) compile() (func(*run, ControlID, Mode), error) {
	return func(r *run, id ControlID, mode Mode) {
		now := r.subject.Now
		if d, ok := days(r.report.Artifact.Created, now); k.ImageDays > 0 && r.report.Artifact.Kind == finding.KindImage && (!ok || d > k.ImageDays) {
			r.violated(id, mode, "imageDays", 0, one("image-age", cmp.Or(r.report.Artifact.Created, "not known")), said("the image is too old, or its age is not known"))
		}
		if at := r.subject.ScannedAt; k.ScanDays > 0 && (at.IsZero() || now.After(at.AddDate(0, 0, k.ScanDays))) {
			r.violated(id, mode, "scanDays", 0, one("scan-age", ""), said("the scan is too old, or its age is not known"))
		}
		if db := r.report.Database; k.DataDays > 0 && (db == nil || now.After(db.Built.AddDate(0, 0, k.DataDays))) {
			r.violated(id, mode, "dataDays", 0, one("data-age", ""), said("the vulnerability data is too old"))
		}
	}, nil
}
