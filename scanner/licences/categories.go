package licences

import "strings"

// The categories, from what asks for least to what asks for most.
const (
	Permissive      = "permissive"
	WeakCopyleft    = "weak-copyleft"
	Copyleft        = "copyleft"
	NetworkCopyleft = "network-copyleft"
	Restricted      = "restricted" // not for every use, or not open source
	Unknown         = "unknown"
)

// prefixes of SPDX ids by category; the longest that fits holds.
var prefixes = map[string]string{
	Permissive: `0BSD AFL- Apache- Artistic- BlueOak- BSD- BSL- bzip2- CC0- CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 curl FTL HPND ICU IJG ImageMagick ISC JSON Libpng libpng- libtiff
		Linux-man-pages-copyleft MIT MirOS MS-PL NCSA NTP OFL- OpenSSL OLDAP- PHP- PostgreSQL PSF- Python- Ruby SGI-B- TCL Unicode- Unlicense UPL- Vim W3C WTFPL X11 Xnet Zlib zlib- ZPL- blessing
		public-domain Info-ZIP Spencer- TCP-wrappers Beerware mit-cmu SMLNJ Minpack Latex2e CNRI- NAIST-2003 Intel Fair`,
	WeakCopyleft:    `CDDL- CECILL-C CPL- EPL- EUPL- IPL- LGPL- LPPL- MPL- MS-RL OSL- APSL- Sleepycat GPL-2.0-with-classpath-exception GPL-2.0-with-GCC-exception GPL-3.0-with-GCC-exception Sendmail NPL- CC-BY-SA- GFDL-`,
	Copyleft:        `GPL- CECILL- QPL-`,
	NetworkCopyleft: `AGPL- SSPL- RPL- CPAL- EUPL-1.2-network`,
	Restricted:      `BUSL- CC-BY-NC CC-BY-ND Elastic- PolyForm- Commons-Clause JSON Aladdin RPSL- Parity-`,
}

var byPrefix = func() map[string]string {
	m := map[string]string{}
	for category, list := range prefixes {
		for _, p := range strings.Fields(list) {
			if old, ok := m[p]; !ok || rank(category) > rank(old) {
				m[strings.ToLower(p)] = category
			}
		}
	}
	return m
}()

func rank(category string) int {
	for i, c := range []string{Permissive, WeakCopyleft, Copyleft, NetworkCopyleft, Restricted, Unknown} {
		if c == category {
			return i
		}
	}
	return 0
}

// exceptions soften a copyleft licence: linking is free.
var exceptions = words(`classpath-exception-2.0 gcc-exception-2.0 gcc-exception-3.1 linux-syscall-note autoconf-exception-2.0 autoconf-exception-3.0 bison-exception-2.2 libtool-exception
	font-exception-2.0 llvm-exception openssl-exception ocaml-lgpl-linking-exception universal-foss-exception-1.0 qt-gpl-exception-1.0`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// category of one id, with an exception or without.
func category(id, exception string) string {
	low := strings.ToLower(id)
	for n := len(low); n > 0; n-- {
		c, ok := byPrefix[low[:n]]
		if !ok || n < len(low) && low[n-1] != '-' && low[n] != '-' {
			continue
		}
		if c == Copyleft && exceptions[strings.ToLower(exception)] {
			return WeakCopyleft
		}
		return c
	}
	return Unknown
}
