package dockerfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Limits of a Dockerfile.
const (
	MaxBytes        = 4 << 20
	MaxInstructions = 20_000
)

// ErrSyntax is text that is no Dockerfile. Match with errors.Is.
var ErrSyntax = errors.New("no Dockerfile")

// Instruction is one instruction.
type Instruction struct {
	Name     string   // in capitals: RUN
	Flags    []string // --from=x
	Args     string   // what follows the flags, continued lines joined
	List     []string // the words of the JSON form; nil: it is not in that form
	Heredocs []string // contents, in order
	Line     int      // where it begins, from 1
	Lines    []string // as they stand in the file, from Line on; comments are empty
}

// Comment is the text of a line that is a comment.
type Comment struct {
	Line int
	Text string
}

// File is a Dockerfile.
type File struct {
	Instructions []Instruction
	Comments     []Comment
}

// Flag gives the value of a flag, such as "from".
func (i Instruction) Flag(name string) (string, bool) {
	for _, f := range i.Flags {
		key, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		if key == name {
			return value, true
		}
	}
	return "", false
}

// Words gives the arguments one by one: of the JSON form its words, else what
// blanks part, without the quotes around it.
func (i Instruction) Words() []string {
	if i.List != nil {
		return i.List
	}
	words := fields(i.Args)
	for n, w := range words {
		words[n] = unquote(w)
	}
	return words
}

// Text is all that the instruction makes a shell run or a file hold.
func (i Instruction) Text() string {
	return strings.Join(append([]string{i.Args}, i.Heredocs...), "\n")
}

// At gives the line on which the expression first matches, or the first line.
func (i Instruction) At(re *regexp.Regexp) int {
	for n, l := range i.Lines {
		if re.MatchString(l) {
			return i.Line + n
		}
	}
	return i.Line
}

// Parse reads a Dockerfile.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are read: %w", len(text), MaxBytes, ErrSyntax)
	}
	p := &parser{escape: '\\', directives: true, file: &File{}}
	s := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	s.Buffer(nil, MaxBytes+1)
	p.next = func() (string, bool) {
		if !s.Scan() {
			return "", false
		}
		p.line++
		return strings.TrimSuffix(s.Text(), "\r"), true
	}
	for {
		line, ok := p.next()
		if !ok {
			break
		}
		if err := p.one(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", p.line, err, ErrSyntax)
		}
	}
	if len(p.file.Instructions) == 0 {
		return nil, fmt.Errorf("no instruction: %w", ErrSyntax)
	}
	return p.file, nil
}

type parser struct {
	next       func() (string, bool)
	line       int // the last that was read
	escape     byte
	directives bool // directives may still come
	file       *File
}

var directive = regexp.MustCompile(`^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*?)\s*$`)

func comment(line string) (string, bool) {
	t := strings.TrimLeftFunc(line, unicode.IsSpace)
	if !strings.HasPrefix(t, "#") {
		return "", false
	}
	return strings.TrimSpace(t[1:]), true
}

// one reads an instruction that begins with this line.
func (p *parser) one(line string) error {
	if text, ok := comment(line); ok {
		if m := directive.FindStringSubmatch(line); m != nil && p.directives {
			if strings.EqualFold(m[1], "escape") {
				if m[2] != "`" && m[2] != `\` {
					return errors.New("the escape directive names neither ` nor \\")
				}
				p.escape = m[2][0]
			}
			return nil
		}
		p.directives = false
		p.file.Comments = append(p.file.Comments, Comment{p.line, text})
		return nil
	}
	p.directives = false
	if strings.TrimSpace(line) == "" {
		return nil
	}
	in := Instruction{Line: p.line}
	var joined strings.Builder
	for {
		part, more := p.cut(line)
		joined.WriteString(part)
		in.Lines = append(in.Lines, line)
		for more {
			next, ok := p.next()
			if !ok {
				more = false
				break
			}
			text, isComment := comment(next)
			if isComment {
				p.file.Comments = append(p.file.Comments, Comment{p.line, text})
			}
			if isComment || strings.TrimSpace(next) == "" {
				in.Lines = append(in.Lines, "")
				continue
			}
			line = next
			break
		}
		if !more {
			break
		}
	}
	if err := p.parts(&in, strings.TrimSpace(joined.String())); err != nil {
		return err
	}
	if len(p.file.Instructions) == MaxInstructions {
		return fmt.Errorf("more than %d instructions", MaxInstructions)
	}
	p.file.Instructions = append(p.file.Instructions, in)
	return nil
}

// cut takes a continuation off the end of a line.
func (p *parser) cut(line string) (string, bool) {
	t := strings.TrimRight(line, " \t")
	n := len(t)
	if n == 0 || t[n-1] != p.escape || n > 1 && t[n-2] == p.escape {
		return line, false
	}
	return t[:n-1], true
}

var heredocHolders = map[string]bool{"ADD": true, "COPY": true, "RUN": true}

func (p *parser) parts(in *Instruction, text string) error {
	word, rest := text, ""
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		word, rest = text[:i], strings.TrimSpace(text[i:])
	}
	in.Name = strings.ToUpper(word)
	if !names[in.Name] {
		return fmt.Errorf("unknown instruction %.40q", word)
	}
	for strings.HasPrefix(rest, "--") {
		flag, tail := rest, ""
		if i := strings.IndexFunc(rest, unicode.IsSpace); i >= 0 {
			flag, tail = rest[:i], strings.TrimSpace(rest[i:])
		}
		rest = tail
		if flag == "--" {
			break
		}
		in.Flags = append(in.Flags, flag)
	}
	in.Args = rest
	if strings.HasPrefix(rest, "[") {
		var list []string
		if json.Unmarshal([]byte(rest), &list) == nil {
			in.List = list
			if in.List == nil {
				in.List = []string{}
			}
		}
	}
	holder := in.Name
	if holder == "ONBUILD" {
		first, _, _ := strings.Cut(rest, " ")
		holder = strings.ToUpper(first)
	}
	if !heredocHolders[holder] || in.List != nil {
		return nil
	}
	for _, w := range fields(rest) {
		m := heredoc.FindStringSubmatch(w)
		if m == nil {
			continue
		}
		body, ok := p.heredoc(in, m[2], m[1] == "-")
		if !ok {
			return fmt.Errorf("the here-document %.40q has no end", m[2])
		}
		in.Heredocs = append(in.Heredocs, body)
	}
	return nil
}

var heredoc = regexp.MustCompile(`^[0-9]*<<(-?)["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?$`)

func (p *parser) heredoc(in *Instruction, end string, tabs bool) (string, bool) {
	var body strings.Builder
	for {
		line, ok := p.next()
		if !ok {
			return "", false
		}
		in.Lines = append(in.Lines, line)
		if tabs {
			line = strings.TrimLeft(line, "\t")
		}
		if line == end {
			return body.String(), true
		}
		body.WriteString(line)
		body.WriteByte('\n')
	}
}

var names = map[string]bool{
	"ADD": true, "ARG": true, "CMD": true, "COPY": true, "ENTRYPOINT": true, "ENV": true, "EXPOSE": true, "FROM": true, "HEALTHCHECK": true,
	"LABEL": true, "MAINTAINER": true, "ONBUILD": true, "RUN": true, "SHELL": true, "STOPSIGNAL": true, "USER": true, "VOLUME": true, "WORKDIR": true,
}

// fields parts text at blanks outside of quotes.
func fields(s string) []string {
	var out []string
	var quote byte
	start := -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if start >= 0 {
				out = append(out, s[start:i])
				start = -1
			}
			continue
		case c == '"' || c == '\'':
			quote = c
		}
		if start < 0 {
			start = min(i, len(s)-1)
		}
	}
	if start >= 0 {
		out = append(out, s[start:])
	}
	return out
}

// unquote takes quotes off a word's ends, or off the value of name="value".
func unquote(w string) string {
	name, value, ok := strings.Cut(w, "=")
	if ok && !strings.ContainsAny(name, `"'`) {
		return name + "=" + unquote(value)
	}
	if n := len(w); n >= 2 && (w[0] == '"' || w[0] == '\'') && w[n-1] == w[0] {
		return w[1 : n-1]
	}
	return w
}
