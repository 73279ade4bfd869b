package match

import (
	"cmp"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Source is where advisories come from: *vulndb.DB, or Memory.
type Source interface {
	// Database names what a report was matched with.
	Database() *finding.Database
	// Advisories gives what is said about a package; none is no error.
	Advisories(eco vulndb.Ecosystem, name string) ([]vulndb.Advisory, error)
	// Detail gives what is known of a vulnerability; false: nothing.
	Detail(id string) (vulndb.Detail, bool, error)
	// HasEcosystem says whether there is any data for it.
	HasEcosystem(eco vulndb.Ecosystem) bool
	// Jar tells a Java archive by its SHA-1: group:artifact:version, "": not known.
	Jar(sha1 string) (string, error)
	// Release gives the life of a distribution's release; false: not known.
	Release(id, version string) (vulndb.Release, bool, error)
}

var _ Source = (*vulndb.DB)(nil)

// Memory is a Source made of Go values.
type Memory struct {
	Made     finding.Database
	Rows     map[vulndb.Ecosystem]map[string][]vulndb.Advisory
	Details  map[string]vulndb.Detail
	Releases map[string]vulndb.Release // by ID:VERSION
	Jars     map[string]string         // by SHA-1
}

// Add adds rows for a package.
func (m *Memory) Add(eco vulndb.Ecosystem, name string, rows ...vulndb.Advisory) {
	if m.Rows == nil {
		m.Rows = map[vulndb.Ecosystem]map[string][]vulndb.Advisory{}
	}
	if m.Rows[eco] == nil {
		m.Rows[eco] = map[string][]vulndb.Advisory{}
	}
	m.Rows[eco][name] = append(m.Rows[eco][name], rows...)
}

// Database implements Source.
func (m *Memory) Database() *finding.Database { return &m.Made }

// Advisories implements Source.
func (m *Memory) Advisories(eco vulndb.Ecosystem, name string) ([]vulndb.Advisory, error) {
	return m.Rows[eco][vulndb.NormalName(eco, name)], nil
}

// Detail implements Source.
func (m *Memory) Detail(id string) (vulndb.Detail, bool, error) {
	d, ok := m.Details[id]
	return d, ok, nil
}

// HasEcosystem implements Source.
func (m *Memory) HasEcosystem(eco vulndb.Ecosystem) bool { return len(m.Rows[eco]) > 0 }

// Jar implements Source.
func (m *Memory) Jar(sha1 string) (string, error) { return m.Jars[sha1], nil }

// Release implements Source.
func (m *Memory) Release(id, version string) (vulndb.Release, bool, error) {
	r, ok := m.Releases[id+":"+version]
	return r, ok, nil
}

// endOfLife is the date (2006-01-02) of a release's last security fix, "" where
// it is not known; extended support counts where everybody gets it. Releases are known by as much of VERSION_ID as tells them apart.
func endOfLife(src Source, os *finding.OS) (string, error) {
	for version := os.Version; version != ""; {
		r, ok, err := src.Release(os.ID, version)
		if err != nil || ok {
			return cmp.Or(r.Extended, r.EndOfLife), err
		}
		i := strings.LastIndexByte(version, '.')
		version = version[:max(i, 0)]
	}
	return "", nil
}

// ended says whether a date had passed when the database was built.
func ended(end string, built time.Time) bool {
	t, err := time.Parse(time.DateOnly, end)
	return err == nil && built.After(t.AddDate(0, 0, 1))
}
