package extract

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// Limits of a Java archive with all that are in it.
const (
	maxJarDepth  = 8
	maxJarFiles  = 200_000
	maxJarNested = 64 << 20  // bytes of one archive in another
	maxJarBytes  = 512 << 20 // bytes unpacked in all
	maxJarText   = 1 << 20   // bytes of a manifest or of properties
	maxZipTable  = 64 << 20  // bytes of a zip's directory of files
)

var jarKinds = map[string]bool{".jar": true, ".war": true, ".ear": true, ".jpi": true, ".hpi": true, ".par": true, ".sar": true, ".nar": true}

func isJar(i inspect.Info) bool { return jarKinds[path.Ext(i.Path)] }

// jar is the state of reading one archive and what is in it.
type jar struct {
	out   *File
	files int
	bytes int64
	cut   []string
}

func readJar(in *input, out *File) error {
	if in.Size == 0 {
		return nil
	}
	j := &jar{out: out}
	err := j.read(in.data, in.Size, in.Path, "", 0)
	if err == nil && len(j.cut) > 0 {
		return fmt.Errorf("%w: %s", errJarLimit, j.cut[0])
	}
	return err
}

// errJarLimit makes the report partial: packages may be missing.
var errJarLimit = errors.New("not all of the archive was read")

// artifact is a library as Maven names it.
type artifact struct {
	group, name, version string
	by                   string // what a guess rests on, "" for what Maven says
}

func (j *jar) read(r io.ReaderAt, size int64, file, inside string, depth int) error {
	if err := checkZipTable(r, size); err != nil {
		return err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	var found []artifact
	var manifest map[string]string
	for _, f := range z.File {
		if j.files++; j.files > maxJarFiles {
			j.cut = append(j.cut, fmt.Sprintf("more than %d files", maxJarFiles))
			break
		}
		name := strings.TrimPrefix(path.Clean("/"+f.Name), "/")
		switch {
		case name == "META-INF/MANIFEST.MF":
			manifest, err = j.text(f, ":")
		case strings.HasPrefix(name, "META-INF/maven/") && strings.HasSuffix(name, "/pom.properties"):
			var p map[string]string
			if p, err = j.text(f, "="); p["artifactId"] != "" && p["version"] != "" {
				found = append(found, artifact{group: p["groupId"], name: p["artifactId"], version: p["version"]})
			}
		case jarKinds[path.Ext(name)]:
			err = j.nested(f, file, path.Join(inside, name), depth)
		}
		if err != nil && len(j.cut) < 10 {
			j.cut = append(j.cut, printable(path.Join(inside, name))+": "+err.Error())
		}
	}
	own := artifactOf(path.Base(path.Join(file, inside)), manifest)
	// Maven's own properties say it all: the archive's own, and those of what
	// was shaded into it. Of what another tool built they may say the latter
	// alone: then the archive itself is a guess beside them.
	sum := ""
	if own.name != "" && own.version != "" && !slices.ContainsFunc(found, func(a artifact) bool { return a.name == own.name || a.version == own.version }) {
		found = append(found, own)
		h := sha1.New()
		if _, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil {
			return err
		}
		sum = hex.EncodeToString(h.Sum(nil))
	}
	for _, a := range found {
		name := a.name
		if a.group != "" {
			name = a.group + ":" + a.name
		}
		p := finding.Package{Type: finding.Maven, Name: name, Version: a.version, Evidence: "java archive"}
		if a.by != "" {
			p.Evidence, p.Confidence, p.SHA1 = own.by, finding.Guess, sum
		}
		if inside != "" {
			p.Places = []finding.Place{{Inside: inside}}
		}
		j.out.Packages = append(j.out.Packages, p)
	}
	return nil
}

// nested reads an archive within the archive: unpacked in memory, one a level.
func (j *jar) nested(f *zip.File, file, inside string, depth int) error {
	switch {
	case depth+1 >= maxJarDepth:
		return fmt.Errorf("archives are nested more than %d deep", maxJarDepth)
	case f.UncompressedSize64 > maxJarNested:
		return fmt.Errorf("an archive of %d bytes in the archive", f.UncompressedSize64)
	}
	b, err := j.unpack(f, maxJarNested)
	if err != nil {
		return err
	}
	return j.read(bytes.NewReader(b), int64(len(b)), file, inside, depth+1)
}

func (j *jar) unpack(f *zip.File, limit int64) ([]byte, error) {
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	limit = min(limit, maxJarBytes-j.bytes)
	// The size that is claimed is a hint; what comes is what counts.
	buf := bytes.NewBuffer(make([]byte, 0, min(int64(f.UncompressedSize64), limit, 1<<20)))
	n, err := io.Copy(buf, io.LimitReader(rc, limit+1))
	j.bytes += n
	if err == nil && n > limit {
		err = fmt.Errorf("it unpacks to more than %d bytes", limit)
	}
	return buf.Bytes(), err
}

// text reads a manifest's main section or properties, at most maxJarText of it.
func (j *jar) text(f *zip.File, separator string) (map[string]string, error) {
	if f.UncompressedSize64 > maxJarText {
		return nil, fmt.Errorf("%d bytes of text", f.UncompressedSize64)
	}
	b, err := j.unpack(f, maxJarText)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	last := ""
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxJarText+1)
	for lines.Scan() && len(out) < 1000 {
		line := strings.TrimRight(lines.Text(), "\r")
		if separator == ":" {
			if line == "" {
				break // the main section ends
			}
			if line[0] == ' ' && last != "" {
				out[last] += line[1:]
				continue
			}
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, separator)
		if !ok || len(value) > 1024 {
			continue
		}
		last = strings.TrimSpace(key)
		out[last] = strings.TrimSpace(value)
	}
	return out, nil
}

var jarName = regexp.MustCompile(`^(.+?)-(\d[A-Za-z0-9._+~-]*)$`)

// artifactOf guesses what an archive without Maven's properties is: by its
// manifest, and where that is silent by its name.
func artifactOf(base string, manifest map[string]string) artifact {
	stem := strings.TrimSuffix(base, path.Ext(base))
	a := artifact{name: stem}
	if m := jarName.FindStringSubmatch(stem); m != nil {
		a.name, a.version = m[1], m[2]
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if v := manifest[k]; v != "" && !strings.ContainsAny(v, " \t$") {
				return v
			}
		}
		return ""
	}
	a.by = "java archive's name"
	if a.version == "" {
		a.by = "java manifest"
		a.version = first("Implementation-Version", "Bundle-Version", "Specification-Version")
	}
	a.group = first("Implementation-Vendor-Id")
	if a.group == "" {
		// An OSGi name is group and artefact, often: org.apache.commons.lang3.
		symbolic, _, _ := strings.Cut(manifest["Bundle-SymbolicName"], ";")
		symbolic = strings.TrimSpace(symbolic)
		if g, ok := strings.CutSuffix(symbolic, "."+a.name); ok && strings.Contains(g, ".") {
			a.group = g
		} else if ok {
			a.group = symbolic // org.hamcrest is hamcrest of org.hamcrest: "org" is nobody
		} else if i := strings.LastIndexByte(symbolic, '.'); i > 0 && strings.HasSuffix(strings.ReplaceAll(a.name, "-", ""), symbolic[i+1:]) {
			a.group = symbolic[:i] // org.apache.commons.lang3 is commons-lang3 of org.apache.commons
		}
	}
	return a
}

// checkZipTable refuses a zip whose directory would take more memory than any
// archive needs: package zip reads all of it at once. The directory's size is
// what lies between its beginning and its end.
func checkZipTable(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 65557))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || at+22 > len(tail) {
		return zip.ErrFormat
	}
	entries := int64(tail[at+10]) | int64(tail[at+11])<<8
	table := int64(tail[at+12]) | int64(tail[at+13])<<8 | int64(tail[at+14])<<16 | int64(tail[at+15])<<24
	if entries == 0xffff || table == 0xffffffff {
		table = size // zip64: bounded by the file itself
	}
	if table > maxZipTable {
		return fmt.Errorf("its directory of files has %d bytes", table)
	}
	return nil
}
