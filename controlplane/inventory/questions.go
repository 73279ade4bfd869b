package inventory

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Bounds of what is kept of questions.
const (
	maxQuestions = 4 << 20   // bytes of one report's; one with more is read each time
	maxAnswers   = 1_000_000 // that are remembered of a database, all reports together
)

// answers tells by the questions of reports which of them a database says
// something else about. A question is answered once, however many reports ask it.
type answers struct {
	src   match.Source
	begin []byte // of every digest: another release of Limpet may match otherwise
	mu    sync.RWMutex
	known map[string]vulndb.Sum // guarded by mu
}

func answersOf(src match.Source) *answers {
	return &answers{src: src, begin: fmt.Appendf(nil, "%q %q %d", version.Version, version.Revision(), src.Database().Schema), known: map[string]vulndb.Sum{}}
}

func likely(e *finding.EPSS) bool { return e.Score >= LikelyEPSS }

func (a *answers) to(question []byte) (vulndb.Sum, error) {
	a.mu.RLock()
	sum, ok := a.known[string(question)]
	a.mu.RUnlock()
	if ok {
		return sum, nil
	}
	sum, err := match.SumAnswer(a.src, string(question), likely)
	if err != nil {
		return sum, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxAnswers {
		clear(a.known)
	}
	a.known[string(question)] = sum
	return sum, nil
}

// digest is that of the answers to questions as they are kept.
func (a *answers) digest(questions []byte) ([]byte, error) {
	all := sha256.New()
	all.Write(a.begin)
	for len(questions) > 0 {
		size, n := binary.Uvarint(questions)
		if n <= 0 || size > uint64(len(questions)-n) {
			return nil, errors.New("cannot read the questions of a scan: they are cut off")
		}
		sum, err := a.to(questions[n : n+int(size)])
		if err != nil {
			return nil, err
		}
		all.Write(sum[:])
		questions = questions[n+int(size):]
	}
	return all.Sum(nil), nil
}

// keep gives what is kept of the questions of a match; nil where the next match
// is to read the report in any case.
func (a *answers) keep(scan string, asked *match.Asked) (*store.ScanQuestions, error) {
	questions, whole := asked.Questions()
	var text []byte
	for _, q := range questions {
		text = append(binary.AppendUvarint(text, uint64(len(q))), q...)
	}
	if !whole || len(text) > maxQuestions {
		return nil, nil
	}
	digest, err := a.digest(text)
	if err != nil {
		return nil, err
	}
	packed, err := pack(text)
	return &store.ScanQuestions{ScanID: scan, Questions: packed, Answers: digest}, err
}

// same says that the database answers as the one did that the scan was matched
// with; where that cannot be told, it does not.
func (a *answers) same(q *store.ScanQuestions) bool {
	text, err := unpack(q.Questions)
	if err != nil {
		return false
	}
	digest, err := a.digest(text)
	return err == nil && string(digest) == string(q.Answers)
}
