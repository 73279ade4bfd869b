package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/limpet-security/limpet/internal/tenant"
)

// ScanSummary is what lists of scans show without reading reports.
type ScanSummary struct {
	Name      string   `json:"name"` // of the artefact
	Digest    string   `json:"digest,omitempty"`
	Integrity string   `json:"integrity,omitempty"`
	Risk      int64    `json:"risk"`
	Critical  int64    `json:"critical"`
	High      int64    `json:"high"`
	Medium    int64    `json:"medium"`
	Low       int64    `json:"low"`
	Fixable   int64    `json:"fixable"`
	Failed    []string `json:"failed,omitempty"` // controls that failed or warned
	Pipeline  Pipeline `json:"pipeline,omitzero"`
}

// Pipeline says which build of a CI system made a scan, by its own word.
type Pipeline struct {
	System     string `json:"system,omitempty"` // github, gitlab, jenkins, circleci, azure
	Repository string `json:"repository,omitempty"`
	Branch     string `json:"branch,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Build      string `json:"build,omitempty"` // its number or name
	URL        string `json:"url,omitempty"`
}

// ScanFilter narrows a list of scans; zero fields match all but the source.
type ScanFilter struct {
	Source string
	Result string
	Query  string // part of name, branch, commit or build
}

func (f ScanFilter) scan(t tenant.ID) scan[idKey] {
	sc := scan[idKey]{
		table: (*Scan)(nil), key: []string{"id"}, order: "id DESC",
		after: behindID,
		index: func(q *bun.SelectQuery) *bun.SelectQuery {
			q = q.Where("tenant = ? AND source = ?", t, f.Source)
			if f.Result != "" {
				q = q.Where("result = ?", f.Result)
			}
			return q
		},
	}
	if f.Query != "" {
		sc.needs = []string{"summary"}
		sc.rest = func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("LOWER(summary) LIKE ? ESCAPE '!'", "%"+escapeLike(strings.ToLower(f.Query))+"%")
		}
	}
	return sc
}

// ScansBySource lists the scans that were made in one way, the newest first.
func (r Reader) ScansBySource(ctx context.Context, t tenant.ID, f ScanFilter, p Page) ([]Scan, string, error) {
	ids, cursor, err := newest(ctx, r, f.scan(t), p)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list scans: %w", err)
	}
	if len(ids) == 0 {
		return nil, cursor, nil
	}
	var rows []Scan
	err = r.db.NewSelect().Model(&rows).ExcludeColumn("verdict").Where("tenant = ? AND id IN (?)", t, bun.List(ids)).Order("id DESC").Scan(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("cannot list scans: %w", err)
	}
	return rows, cursor, nil
}
