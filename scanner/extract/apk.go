package extract

import (
	"bytes"
	"errors"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func isApk(i inspect.Info) bool {
	return at(i.Path, "/lib/apk/db/installed", "/var/lib/apk/db/installed", "/usr/lib/apk/db/installed")
}

// readApk reads Alpine's database: letters, colon, value; an empty line ends a package.
func readApk(in *input, out *File) error {
	b, err := in.bytes(maxDatabase)
	if err != nil {
		return err
	}
	odd := false
	for len(b) > 0 {
		var stanza []byte
		stanza, b = cutStanza(b)
		if len(bytes.TrimSpace(stanza)) == 0 {
			continue
		}
		p := finding.Package{Type: finding.APK, Evidence: "apk database"}
		var folder string
		var paths strings.Builder
		for line := range bytes.Lines(stanza) {
			if len(line) < 2 || line[1] != ':' {
				continue
			}
			v := strings.TrimRight(string(line[2:]), "\r\n")
			switch line[0] {
			case 'P':
				p.Name = v
			case 'V':
				p.Version = v
			case 'A':
				p.Arch = v
			case 'L':
				p.Licences = []string{v}
			case 'o':
				p.SourceName = v
			case 'F':
				folder = v
			case 'R':
				paths.WriteString("/" + strings.TrimPrefix(folder+"/"+v, "/") + "\n")
			}
		}
		if p.Name == "" || p.Version == "" {
			odd = true
			continue
		}
		out.Packages = append(out.Packages, p)
		out.Owned = append(out.Owned, Owned{Name: p.Name, Arch: p.Arch, Paths: paths.String()})
	}
	if odd {
		return errors.New("it holds what is no package")
	}
	return nil
}
