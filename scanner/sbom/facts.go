package sbom

import (
	"crypto/sha256"
	_ "embed" // the licence list
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/internal/finding"
)

//go:embed spdx.txt
var spdxList string

// spdxIDs are the identifiers that SPDX knows, by their lower case.
var spdxIDs = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for id := range strings.FieldsSeq(spdxList) {
		all[strings.ToLower(id)] = id
	}
	return all
})

// identity is a UUID of what the report says, with a word for the format.
func identity(r *finding.Report, format string) uuid.UUID {
	h := sha256.New()
	fmt.Fprintln(h, format)
	// A report is plain data: it can always be encoded.
	_ = json.NewEncoder(h).Encode(r)
	return uuid.NewSHA1(uuid.NameSpaceOID, h.Sum(nil))
}

// when is a time for a document: the database's, else the artefact's own.
// Formats that must have one get the beginning of time.
func when(r *finding.Report) time.Time {
	if r.Database != nil && !r.Database.Built.IsZero() {
		return r.Database.Built.UTC()
	}
	if t, err := time.Parse(time.RFC3339, r.Artifact.Created); err == nil && t.Year() > 1 {
		return t.UTC().Truncate(time.Second)
	}
	return time.Unix(0, 0).UTC()
}

// names of our properties, in CycloneDX as they are and in SPDX as annotations.
const (
	sourceName    = "limpet:source:name"
	sourceVersion = "limpet:source:version"
	module        = "limpet:rpm:module"
	ownedBy       = "limpet:ownedBy"
	evidence      = "limpet:evidence"
	path          = "limpet:path"
	inside        = "limpet:path:inside"
	layer         = "limpet:layer"
)

// pair is a property.
type pair struct{ name, value string }

// properties are what a package URL does not hold.
func properties(p *finding.Package) []pair {
	all := []pair{{sourceName, p.SourceName}, {sourceVersion, p.SourceVersion}, {module, p.Module}, {ownedBy, p.OwnedBy}, {evidence, p.Evidence}}
	for _, at := range p.Places {
		all = append(all, pair{path, at.Path}, pair{inside, at.Inside}, pair{layer, at.Layer})
	}
	kept := all[:0]
	for _, kv := range all {
		if kv.value != "" {
			kept = append(kept, kv)
		}
	}
	return kept
}

// set takes a property back.
func set(p *finding.Package, kv pair) {
	last := func() *finding.Place {
		if len(p.Places) == 0 {
			p.Places = append(p.Places, finding.Place{})
		}
		return &p.Places[len(p.Places)-1]
	}
	switch kv.name {
	case sourceName:
		p.SourceName = kv.value
	case sourceVersion:
		p.SourceVersion = kv.value
	case module:
		p.Module = kv.value
	case ownedBy:
		p.OwnedBy = kv.value
	case evidence:
		p.Evidence = kv.value
	case path:
		p.Places = append(p.Places, finding.Place{Path: kv.value})
	case inside:
		last().Inside = kv.value
	case layer:
		last().Layer = kv.value
	}
}
