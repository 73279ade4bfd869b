package api

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/store"
	scanreport "github.com/limpet-security/limpet/scanner/report"
)

// SheetQuery says in which format a list is downloaded.
type SheetQuery struct {
	Format string `query:"format" enum:"csv,html,pdf" default:"csv"`
}

type artifactsExportInput struct {
	SheetQuery
	ArtifactQuery
}

type vulnerabilitiesExportInput struct {
	SheetQuery
	VulnerabilityQuery
}

// exportArtifacts streams the inventory, a page at a time.
func (a *API) exportArtifacts(ctx context.Context, in *artifactsExportInput) (*huma.StreamResponse, error) {
	t := access.From(ctx).Tenant
	s := scanreport.Sheet{
		Title: "Inventory", At: store.Now(), Notes: []string{"What was scanned, with what its newest scan counts. Risk is from 0 to 100."},
		Columns: columns("artefact 34", "kind 8", "digest 22", "risk 6", "verdict 8", "integrity 10", "critical 7", "high 6", "medium 7", "low 6", "fixable 7", "exploited 8",
			"secrets 7", "malware 7", "running 7", "first seen 17", "last scan 17"),
	}
	s.Rows = pages(a, ctx, func(p store.Page) ([]store.Artifact, string, error) { return a.Store.Artifacts(ctx, t, in.filter(), p) }, func(rows []store.Artifact) ([][]string, error) {
		digests := make([]string, len(rows))
		for i, r := range rows {
			digests[i] = r.Digest
		}
		running, err := a.Store.Running(ctx, t, digests)
		if err != nil {
			return nil, err
		}
		out := make([][]string, len(rows))
		for i, r := range rows {
			out[i] = append([]string{r.Name, r.Kind, r.Digest, number(r.Risk), r.Result, r.Integrity},
				append(numbers(r.Critical, r.High, r.Medium, r.Low, r.Fixable, r.Exploited, r.Secrets, r.Malware, running[r.Digest]), minuteOf(r.FirstSeen), minuteOf(r.ScannedAt))...)
		}
		return out, nil
	})
	return a.sheet(ctx, "limpet-inventory", in.Format, s), nil
}

// exportVulnerabilities streams the vulnerabilities of all artefacts together.
func (a *API) exportVulnerabilities(ctx context.Context, in *vulnerabilitiesExportInput) (*huma.StreamResponse, error) {
	t := access.From(ctx).Tenant
	s := scanreport.Sheet{
		Title: "Vulnerabilities", At: store.Now(), Notes: []string{"What artefacts of the inventory have, the worst first."},
		Columns: columns("id 18", "severity 9", "score 6", "epss 8", "exploited 8", "fixable 8", "artefacts 8", "workloads 8", "first seen 16", "title 50"),
	}
	s.Rows = pages(a, ctx, func(p store.Page) ([]store.Vulnerability, string, error) {
		return a.Store.Vulnerabilities(ctx, t, in.filter(), p)
	}, func(rows []store.Vulnerability) ([][]string, error) {
		out := make([][]string, len(rows))
		for i, v := range rows {
			out[i] = []string{v.Vulnerability, severityWord(v.Severity), fmt.Sprint(v.Score), fmt.Sprint(v.EPSS), yes(v.KEV), yes(v.Fixable), number(v.Artifacts), number(v.Running), minuteOf(v.FirstSeen), v.Title}
		}
		return out, nil
	})
	return a.sheet(ctx, "limpet-vulnerabilities", in.Format, s), nil
}

func (a *API) sheet(ctx context.Context, name, format string, s scanreport.Sheet) *huma.StreamResponse {
	return a.download(ctx, name+"-"+s.At.Format("20060102-150405"), format, func(w io.Writer) error { return scanreport.WriteSheet(w, format, s) })
}

// pages reads a list to its end, a page at a time, as rows of a sheet.
func pages[T any](a *API, ctx context.Context, list func(store.Page) ([]T, string, error), rows func([]T) ([][]string, error)) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for cursor := ""; ; {
			page, next, err := list(store.Page{Cursor: cursor, Limit: store.MaxLimit})
			var out [][]string
			if err == nil {
				out, err = rows(page)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range out {
				if !yield(row, nil) {
					return
				}
			}
			if cursor = next; cursor == "" {
				return
			}
			select {
			case <-a.done:
				yield(nil, context.Canceled)
				return
			default:
			}
		}
	}
}

// columns reads names with their widths.
func columns(texts ...string) []scanreport.Column {
	out := make([]scanreport.Column, len(texts))
	for i, text := range texts {
		for at := len(text) - 1; ; at-- {
			if text[at] == ' ' {
				out[i].Name = text[:at]
				out[i].Width, _ = strconv.ParseFloat(text[at+1:], 64)
				break
			}
		}
	}
	return out
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func numbers(ns ...int64) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = number(n)
	}
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func minuteOf(ns int64) string { return store.Time(ns).UTC().Format(time.RFC3339[:16] + "Z") }
