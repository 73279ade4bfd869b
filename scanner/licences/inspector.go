package licences

import (
	"bytes"
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// MaxBytes is how much of a file is read.
const MaxBytes = 256 << 10

// least is the part of a text that must be a known licence's, in percent.
const least = 20

// known are the ids that licensecheck knows, by their lower case.
var known = func() map[string]string {
	m := map[string]string{}
	for _, l := range licensecheck.BuiltinLicenses() {
		m[strings.ToLower(l.ID)] = l.ID
	}
	return m
}()

// Inspector looks at files of licences.
type Inspector struct{}

var _ inspect.Inspector = Inspector{}

// All gives the package's inspectors.
func All() []inspect.Inspector { return []inspect.Inspector{Inspector{}} }

// Name is the inspector's.
func (Inspector) Name() string { return "licences" }

// Version is of the tables and of licensecheck.
func (Inspector) Version() string { return "1 licensecheck 0.3.1" }

var (
	licenceFile = regexp.MustCompile(`(?i)^(?:licen[cs]es?|copying|notice|unlicense|copyright|mit-license)(?:[-._].{0,40})?$|^[\w-]{1,40}[-._]licen[cs]e(?:\.(?:txt|md))?$`)
	notText     = regexp.MustCompile(`(?i)\.(?:go|py|js|ts|rb|c|h|java|class|pyc|php|pl|so|json|html|gz|png|svg|css|xml)$`)
	debian      = regexp.MustCompile(`^/usr/share/doc/([^/]+)/copyright$`)
)

// Wants asks for files whose names speak of a licence.
func (Inspector) Wants(i inspect.Info) inspect.Want {
	base := path.Base(i.Path)
	if !i.Mode.IsRegular() || i.Size == 0 || !licenceFile.MatchString(base) || notText.MatchString(base) {
		return inspect.Want{}
	}
	return inspect.Want{Bytes: MaxBytes}
}

// Inspect looks at one file.
func (Inspector) Inspect(f inspect.File) inspect.Found {
	text := f.Head[:min(len(f.Head), MaxBytes)]
	owner := ""
	if m := debian.FindStringSubmatch(f.Path); m != nil {
		owner = m[1]
	}
	var list []finding.Licence
	for _, name := range fields(text) {
		for _, id := range Parse(name).IDs {
			list = append(list, finding.Licence{Name: id, Category: category(id, ""), Confidence: 1})
		}
	}
	if list == nil {
		list = Text(text)
	}
	for i := range list {
		list[i].Package, list[i].Place = owner, finding.Place{Path: f.Path}
	}
	slices.SortFunc(list, func(a, b finding.Licence) int { return cmp.Compare(a.Name, b.Name) })
	list = slices.CompactFunc(list, func(a, b finding.Licence) bool { return a.Name == b.Name })
	return inspect.Found{Licences: list}
}

// Text gives the licences whose text stands there, each once.
func Text(text []byte) []finding.Licence {
	cover := licensecheck.Scan(text)
	if cover.Percent < least {
		return nil
	}
	var list []finding.Licence
	for _, m := range cover.Match {
		if slices.ContainsFunc(list, func(l finding.Licence) bool { return l.Name == m.ID }) {
			continue
		}
		list = append(list, finding.Licence{Name: m.ID, Category: category(m.ID, ""), Confidence: min(1, cover.Percent/100)})
	}
	return list
}

// fields gives the License fields of a machine-readable copyright file
// (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
func fields(text []byte) []string {
	if !bytes.Contains(text[:min(len(text), 1024)], []byte("copyright-format/1")) && !bytes.Contains(text[:min(len(text), 1024)], []byte("dep.debian.net/deps/dep5")) {
		return nil
	}
	var list []string
	for line := range bytes.Lines(text) {
		name, ok := bytes.CutPrefix(line, []byte("License:"))
		if s := strings.TrimSpace(string(name)); ok && s != "" && len(s) < 200 && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
