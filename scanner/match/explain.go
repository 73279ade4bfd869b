package match

import (
	"context"
	"fmt"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Word is what one row of the database says about a vulnerability and a package.
type Word struct {
	Package  *finding.Package
	Advisory string
	Source   string
	// Says is a sentence: the comparison, or why the row does not count.
	Says  string
	Holds bool
}

// Explain gives every row that names a vulnerability for a package of the report,
// also those that do not hold: why it is found, or why it is not.
func Explain(ctx context.Context, r *finding.Report, src Source, id string) ([]Word, error) {
	distro := Distribution(r.OS)
	var all []Word
	for i := range r.Packages {
		p := &r.Packages[i]
		for _, look := range lookups(p, distro) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rows, err := src.Advisories(look.eco, look.name)
			if err != nil {
				return nil, err
			}
			for n := range rows {
				row := &rows[n]
				if row.ID == id || slices.Contains(row.CVEs, id) || slices.Contains(row.Aliases, id) {
					says, holds := word(row, p, look)
					all = append(all, Word{Package: p, Advisory: row.ID, Source: row.Source, Says: says, Holds: holds})
				}
			}
		}
	}
	return all, nil
}

func word(row *vulndb.Advisory, p *finding.Package, look lookup) (says string, holds bool) {
	if !concerns(row, p) {
		return fmt.Sprintf("is about another build: architectures %q, module %q; this is %s %q", row.Arches, row.Module, p.Arch, p.Module), false
	}
	order, err := NewOrder(p.Type, look.version)
	if err != nil {
		return "cannot be compared: " + err.Error(), false
	}
	h, in, err := judge(row, look, order)
	switch {
	case err != nil:
		return "cannot be compared: " + err.Error(), false
	case !in:
		says = look.name + " " + look.version + " is outside"
		for _, r := range row.Ranges {
			switch {
			case r.Fixed != "":
				says += fmt.Sprintf(" [%s, %s)", r.Introduced, r.Fixed)
			case r.LastAffected != "":
				says += fmt.Sprintf(" [%s, %s]", r.Introduced, r.LastAffected)
			default:
				says += fmt.Sprintf(" [%s, ...)", r.Introduced)
			}
		}
		return says, false
	case row.Status == vulndb.NotAffected:
		return "its publisher says that it is not affected", false
	}
	return h.compared + ", status " + string(row.Status), true
}
