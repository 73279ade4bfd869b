package extract

import (
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// osFiles tell the operating system, the best first.
var osFiles = []string{"/etc/os-release", "/usr/lib/os-release", "/etc/alpine-release", "/etc/redhat-release", "/etc/system-release", "/etc/debian_version"}

func isOS(i inspect.Info) bool { return i.Size <= 64<<10 && at(i.Path, osFiles...) }

func readOS(in *input, out *File) error {
	out.Text = string(in.all)
	return nil
}

// osOf reads the files of the merged tree. Debian's testing has no VERSION_ID.
func osOf(texts map[string]string) *finding.OS {
	for _, name := range osFiles {
		text, ok := texts[name]
		if !ok {
			continue
		}
		var os *finding.OS
		switch name {
		case "/etc/os-release", "/usr/lib/os-release":
			os = osRelease(text)
		case "/etc/alpine-release":
			os = &finding.OS{ID: "alpine", Version: strings.TrimSpace(text)}
		case "/etc/redhat-release", "/etc/system-release":
			os = redhatRelease(text)
		case "/etc/debian_version":
			os = debianVersion(text)
		}
		if os == nil || os.ID == "" {
			continue
		}
		if os.ID == "debian" && os.Version == "" {
			if v := debianVersion(texts["/etc/debian_version"]); v != nil && v.Version != "" {
				os.Version = v.Version
			}
		}
		return os
	}
	return nil
}

func osRelease(text string) *finding.OS {
	os := &finding.OS{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		if len(value) > 200 {
			continue
		}
		switch key {
		case "ID":
			os.ID = strings.ToLower(value)
		case "VERSION_ID":
			os.Version = value
		case "VERSION_CODENAME":
			os.Codename = value
		case "PRETTY_NAME":
			os.Name = value
		}
	}
	return os
}

// redhatRelease reads "CentOS Linux release 7.9.2009 (Core)".
func redhatRelease(text string) *finding.OS {
	text = strings.TrimSpace(text)
	name, rest, ok := strings.Cut(text, " release ")
	if !ok {
		return nil
	}
	os := &finding.OS{Name: text}
	os.Version, _, _ = strings.Cut(rest, " ")
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(lower, "centos"):
		os.ID = "centos"
		os.Version, _, _ = strings.Cut(os.Version, ".") // as its os-release says it
	case strings.HasPrefix(lower, "red hat"):
		os.ID = "rhel"
	case strings.HasPrefix(lower, "fedora"):
		os.ID = "fedora"
	case strings.HasPrefix(lower, "almalinux"):
		os.ID = "almalinux"
	case strings.HasPrefix(lower, "rocky"):
		os.ID = "rocky"
	case strings.HasPrefix(lower, "oracle"):
		os.ID = "ol"
	case strings.HasPrefix(lower, "amazon"):
		os.ID = "amzn"
	default:
		return nil
	}
	return os
}

// debianVersion reads "12.5" or "bookworm/sid".
func debianVersion(text string) *finding.OS {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 50 {
		return nil
	}
	os := &finding.OS{ID: "debian"}
	if major, _, _ := strings.Cut(text, "."); major != "" && strings.Trim(major, "0123456789") == "" {
		os.Version = major
	} else {
		os.Codename, _, _ = strings.Cut(text, "/")
	}
	return os
}
