package licences_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/scanner/inspect"
	"github.com/limpet-security/limpet/scanner/licences"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, spdx, category string }{
		{"MIT", "MIT", licences.Permissive},
		{"mit", "MIT", licences.Permissive},
		{"Expat", "MIT", licences.Permissive},
		{"GPL-2+", "GPL-2.0-or-later", licences.Copyleft},
		{"GPL-2", "GPL-2.0-only", licences.Copyleft},
		{"GPL-2.0-or-later", "GPL-2.0-or-later", licences.Copyleft},
		{"GPLv2+ and MIT", "GPL-2.0-or-later AND MIT", licences.Copyleft},
		{"GPL-2+ or Expat", "GPL-2.0-or-later OR MIT", licences.Permissive},
		{"LGPL-2.1+", "LGPL-2.1-or-later", licences.WeakCopyleft},
		{"AGPL-3.0-only", "AGPL-3.0-only", licences.NetworkCopyleft},
		{"SSPL-1.0", "SSPL-1.0", licences.NetworkCopyleft},
		{"BUSL-1.1", "BUSL-1.1", licences.Restricted},
		{"CC-BY-NC-4.0", "CC-BY-NC-4.0", licences.Restricted},
		{"CC-BY-4.0", "CC-BY-4.0", licences.Permissive},
		{"(MIT OR Apache-2.0) AND GPL-3.0-only", "(MIT OR Apache-2.0) AND GPL-3.0-only", licences.Copyleft},
		{"MIT OR Apache-2.0 AND GPL-3.0-only", "MIT OR Apache-2.0 AND GPL-3.0-only", licences.Permissive},
		{"GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", licences.WeakCopyleft},
		{"MIT/Apache-2.0", "MIT OR Apache-2.0", licences.Permissive},
		{"Apache License, Version 2.0", "Apache-2.0", licences.Permissive},
		{"Perl", "(Artistic-1.0-Perl OR GPL-1.0-or-later)", licences.Permissive},
		{"Corp Proprietary", "Corp Proprietary", licences.Unknown},
		{"MIT and Corp Proprietary", "MIT AND Corp Proprietary", licences.Unknown},
		{"", "", licences.Unknown},
		{"((((", "", licences.Unknown},
	} {
		e := licences.Parse(c.in)
		if e.SPDX != c.spdx || e.Category != c.category {
			t.Errorf("%q: %q %s, want %q %s", c.in, e.SPDX, e.Category, c.spdx, c.category)
		}
	}
}

const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

const dep5 = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Files: *
License: GPL-2+ or Expat

Files: debian/*
License: BSD-3-clause
 Redistribution and use ...
License: Expat
`

func TestInspect(t *testing.T) {
	i := licences.All()[0]
	for _, c := range []struct {
		path, text string
		want       []string
	}{
		{"/app/LICENSE", "Copyright (c) 2020 A\n\n" + mit, []string{"MIT permissive"}},
		{"/app/node_modules/x/LICENSE-MIT.txt", mit, []string{"MIT permissive"}},
		{"/usr/share/doc/bash/copyright", dep5, []string{"BSD-3-Clause permissive bash", "GPL-2.0-or-later copyleft bash", "MIT permissive bash"}},
		{"/usr/share/doc/x/copyright", "This is x.\n\n" + mit, []string{"MIT permissive x"}},
		{"/app/LICENSE", "All rights reserved.", nil},
		{"/app/license.go", mit, nil},
		{"/app/main.c", mit, nil},
	} {
		f := inspect.File{Info: inspect.Info{Path: c.path, Mode: 0o644, Size: int64(len(c.text))}, Head: []byte(c.text), Whole: true}
		var got []string
		if !i.Wants(f.Info).Zero() {
			for _, l := range i.Inspect(f).Licences {
				got = append(got, strings.TrimSpace(l.Name+" "+l.Category+" "+l.Package))
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.path, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"MIT", "(GPL-2+ or Expat) and x", "((((((", "a WITH", ") OR ( AND", "Perl/Perl"} {
		f.Add(s)
	}
	// The texts that are recognised are made ready at the first one, which takes
	// longer than a fuzzer waits where it watches every branch.
	inspector := licences.All()[0]
	inspector.Inspect(inspect.File{Info: inspect.Info{Path: "/LICENSE"}, Head: []byte("MIT")})
	f.Fuzz(func(t *testing.T, s string) {
		e := licences.Parse(s)
		if e.Category == "" || len(e.IDs) == 0 && e.SPDX != "" {
			t.Errorf("%q: %+v", s, e)
		}
		inspector.Inspect(inspect.File{Info: inspect.Info{Path: "/LICENSE"}, Head: []byte(s)})
	})
}
