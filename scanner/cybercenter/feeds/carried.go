package feeds

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Files that the database only carries, for the inspectors of package malware
// and licences. What is checked here is that they are what they should be.

// readYARA carries a file of YARA rules as "yara/FEED/NAME".
func readYARA(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	if !yaraRule.Match(b) {
		o.skip("holds no rule")
		return nil
	}
	o.record(name, "", o.W.Blob("yara/"+o.Source+"/"+name, b))
	return nil
}

var yaraRule = regexp.MustCompile(`(?m)^\s*(?:(?:private|global)\s+)*rule\s+\w+`)

// readJars reads a list of Java archives: a SHA-1 and group:artifact:version a
// line, as Maven Central's index gives them.
func readJars(name string, r io.Reader, o *Out) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<16)
	any := false
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		sum, coordinates, _ := strings.Cut(strings.NewReplacer(",", " ", "\t", " ", ";", " ").Replace(line), " ")
		any = true
		o.record(name+" "+clip(line, 60), "", o.W.Jar(strings.ToLower(sum), strings.TrimSpace(coordinates)))
	}
	if !any {
		o.Fault(name, errors.New("it names no archive"))
	}
	return sc.Err()
}

// readHashes carries a list of hashes as "hashes/FEED/NAME": a digest a line,
// with anything behind ; , or a space.
func readHashes(name string, r io.Reader, o *Out) error {
	var out strings.Builder
	sc := bufio.NewScanner(io.LimitReader(r, MaxRecord))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		digest, what := line, ""
		if i := strings.IndexAny(line, ";, \t"); i >= 0 {
			digest, what = line[:i], strings.Trim(line[i+1:], " ;,\t")
		}
		if digest = strings.ToLower(digest); !hexDigest.MatchString(digest) {
			o.Fault(name+" "+clip(line, 40), errors.New("it is no MD5, SHA-1 or SHA-256"))
			continue
		}
		o.Records++
		out.WriteString(digest + ";" + clip(what, 200) + "\n")
	}
	if err := sc.Err(); err != nil {
		return err
	}
	return o.W.Blob("hashes/"+o.Source+"/"+name, []byte(out.String()))
}

var hexDigest = regexp.MustCompile(`^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$`)

// readLicences carries SPDX's list of licences as "licences/spdx.json".
func readLicences(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Released string `json:"releaseDate"`
		List     []struct {
			ID string `json:"licenseId"`
		} `json:"licenses"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v.List) == 0 {
		return errors.New("it lists no licence")
	}
	o.Records += len(v.List) - 1
	o.record(name, v.Released, o.W.Blob("licences/spdx.json", b))
	return nil
}

// readReleases reads the lives of distributions' releases.
func readReleases(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var l []vulndb.Release
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	for _, x := range l {
		if x.ID == "" || x.Version == "" || day(x.EndOfLife) == "" {
			o.Fault(name+" "+clip(x.ID+" "+x.Version, 60), errors.New("id, version and date are wanted"))
			continue
		}
		o.W.Release(x)
		o.Records++
	}
	return nil
}
