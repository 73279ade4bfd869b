package disk

import (
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

// Limits of the text's structure.
const (
	maxLVMDepth  = 8
	maxLVMValues = 200_000 // sections, values and members of lists
)

// lvmSection is a section of LVM's text: names in their order, and what they
// stand for, by its kind.
type lvmSection struct {
	names    []string // of sections
	sections map[string]*lvmSection
	numbers  map[string]int64
	texts    map[string]string
	lists    map[string][]string   // the texts of a list
	mixed    map[string][]lvmValue // all of it
}

type lvmValue struct {
	text   string
	number int64
}

func newLVMSection() *lvmSection {
	return &lvmSection{sections: map[string]*lvmSection{}, numbers: map[string]int64{}, texts: map[string]string{}, lists: map[string][]string{}, mixed: map[string][]lvmValue{}}
}

// lvmParser goes through the text: key = value, key = [ values ], name { ... }.
type lvmParser struct {
	rest   string
	values int
}

func parseLVM(text string) (*lvmSection, error) {
	p := &lvmParser{rest: text}
	s, err := p.section(0)
	if err == nil && p.rest != "" {
		err = volume.Broken("LVM's metadata goes on behind its end")
	}
	return s, err
}

// space passes over spaces and comments.
func (p *lvmParser) space() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		if !strings.HasPrefix(p.rest, "#") {
			return
		}
		_, p.rest, _ = strings.Cut(p.rest, "\n")
	}
}

func (p *lvmParser) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *lvmParser) word() string {
	p.space()
	n := strings.IndexAny(p.rest, " \t\r\n={}[],#\"")
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *lvmParser) section(depth int) (*lvmSection, error) {
	if depth > maxLVMDepth {
		return nil, volume.Broken("LVM's metadata is nested deeper than %d", maxLVMDepth)
	}
	s := newLVMSection()
	for {
		p.space()
		if p.rest == "" && depth == 0 || strings.HasPrefix(p.rest, "}") && depth > 0 {
			return s, nil
		}
		if p.values++; p.values > maxLVMValues {
			return nil, volume.Broken("LVM's metadata has more than %d values", maxLVMValues)
		}
		key := p.word()
		var err error
		switch {
		case key == "":
			err = volume.Broken("LVM's metadata cannot be understood")
		case p.take('{'):
			var in *lvmSection
			if in, err = p.section(depth + 1); err == nil && !p.take('}') {
				err = volume.Broken("LVM's metadata ends within a section")
			}
			if s.sections[key] == nil {
				s.names = append(s.names, key)
			}
			s.sections[key] = in
		case p.take('='):
			err = p.assign(s, key)
		default:
			err = volume.Broken("LVM's metadata cannot be understood")
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *lvmParser) assign(s *lvmSection, key string) error {
	if !p.take('[') {
		v, isText, err := p.value()
		if isText {
			s.texts[key] = v.text
		} else {
			s.numbers[key] = v.number
		}
		return err
	}
	for !p.take(']') {
		if p.values++; p.values > maxLVMValues {
			return volume.Broken("LVM's metadata has more than %d values", maxLVMValues)
		}
		v, isText, err := p.value()
		if err != nil {
			return err
		}
		if isText {
			s.lists[key] = append(s.lists[key], v.text)
		}
		s.mixed[key] = append(s.mixed[key], v)
		p.take(',')
	}
	return nil
}

// value reads "text" or a number; what is no whole number is 0.
func (p *lvmParser) value() (v lvmValue, isText bool, err error) {
	if !p.take('"') {
		w := p.word()
		if w == "" {
			return v, false, volume.Broken("LVM's metadata cannot be understood")
		}
		v.number, _ = strconv.ParseInt(w, 10, 64)
		return v, false, nil
	}
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		case c == '"':
			p.rest = p.rest[i+1:]
			return lvmValue{text: b.String()}, true, nil
		default:
			b.WriteByte(c)
		}
	}
	return v, true, volume.Broken("LVM's metadata ends within a text")
}
