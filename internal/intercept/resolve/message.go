package resolve

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds of messages.
const (
	maxQuery   = 4096  // bytes of a question with what surrounds it
	maxAnswer  = 65535 // bytes of an answer
	maxRecords = 512   // that are looked at in an answer
	maxChain   = 16    // CNAMEs in a row
	maxExtra   = 8     // additional records of a question
	headerSize = 12
)

// Types that the parser of this package must know by number.
const (
	typeA     = 1
	typeCNAME = 5
	typeNULL  = 10
	typeAAAA  = 28
	typeSVCB  = 64
	typeHTTPS = 65
	typeOPT   = 41
	typeIXFR  = 251
	typeAXFR  = 252
)

// question is what a process asks.
type question struct {
	header  dnsmessage.Header
	asked   dnsmessage.Question
	name    string // lower case, without the last dot
	edns    bool
	size    uint16 // of answers over UDP, if edns
	dnssec  bool   // DO
	version byte
}

// Why a message is not passed on; each has its answer.
var (
	errNotQuery  = errors.New("not a question")
	errMalformed = errors.New("malformed question")
	errOpcode    = errors.New("not a plain question")
	errTransfer  = errors.New("zone transfer")
)

// parseQuestion reads a message from a process. The header is filled in as
// soon as it could be read.
func parseQuestion(b []byte) (q question, err error) {
	var p dnsmessage.Parser
	if len(b) > maxQuery {
		return q, errMalformed
	}
	if q.header, err = p.Start(b); err != nil {
		return q, errNotQuery
	}
	if q.header.Response {
		return q, errNotQuery
	}
	if q.header.OpCode != 0 {
		return q, errOpcode
	}
	if q.asked, err = p.Question(); err != nil {
		return q, errMalformed
	}
	q.name = plainName(q.asked.Name)
	if _, err = p.Question(); err != dnsmessage.ErrSectionDone {
		return q, errMalformed
	}
	if q.asked.Type == typeAXFR || q.asked.Type == typeIXFR {
		return q, errTransfer
	}
	if q.asked.Class != dnsmessage.ClassINET {
		return q, errTransfer
	}
	if _, err = p.AnswerHeader(); err != dnsmessage.ErrSectionDone {
		return q, errMalformed
	}
	if _, err = p.AuthorityHeader(); err != dnsmessage.ErrSectionDone {
		return q, errMalformed
	}
	for range maxExtra {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return q, nil
		}
		if err != nil {
			return q, errMalformed
		}
		if h.Type == typeOPT && !q.edns {
			q.edns, q.size, q.dnssec, q.version = true, uint16(h.Class), h.DNSSECAllowed(), byte(h.TTL>>16)
		}
		if p.SkipAdditional() != nil {
			return q, errMalformed
		}
	}
	return q, errMalformed
}

// plainName is a name as policies write it.
func plainName(n dnsmessage.Name) string {
	return lower(strings.TrimSuffix(n.String(), "."))
}

// forward writes the question anew, under id.
func (q *question) forward(id uint16) ([]byte, error) {
	h := dnsmessage.Header{ID: id, RecursionDesired: q.header.RecursionDesired, CheckingDisabled: q.header.CheckingDisabled, AuthenticData: q.header.AuthenticData}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), h)
	b.EnableCompression()
	if err := errors.Join(b.StartQuestions(), b.Question(q.asked)); err != nil {
		return nil, err
	}
	if q.edns {
		if err := q.option(&b, dnsmessage.RCodeSuccess, nil); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func (q *question) option(b *dnsmessage.Builder, code dnsmessage.RCode, o []dnsmessage.Option) error {
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(int(q.size), code, q.dnssec); err != nil {
		return err
	}
	if err := b.StartAdditionals(); err != nil {
		return err
	}
	return b.OPTResource(h, dnsmessage.OPTResource{Options: o})
}

// refuse answers the question itself. blocked adds the extended error
// "Blocked" (RFC 8914) for those who speak EDNS.
func (q *question) refuse(code dnsmessage.RCode, blocked bool) []byte {
	h := dnsmessage.Header{ID: q.header.ID, Response: true, OpCode: q.header.OpCode, RecursionDesired: q.header.RecursionDesired,
		CheckingDisabled: q.header.CheckingDisabled, RecursionAvailable: true, RCode: code}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), h)
	if q.asked.Name.Length > 0 {
		if b.StartQuestions() != nil || b.Question(q.asked) != nil {
			return nil
		}
	}
	if q.edns {
		var o []dnsmessage.Option
		if blocked {
			o = []dnsmessage.Option{{Code: 15, Data: []byte{0, 15}}}
		}
		if q.option(&b, code, o) != nil {
			return nil
		}
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

// found is what an answer says.
type found struct {
	rcode     dnsmessage.RCode
	truncated bool
	targets   []string // names that the chain leads to, in no order
	addresses []netip.Addr
	ttl       time.Duration // smallest of the records that count; 0 if there are none
}

// answers says whether b is the answer to q as forwarded under id.
func (q *question) answers(b []byte, id uint16) bool {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || h.ID != id || h.OpCode != 0 {
		return false
	}
	got, err := p.Question()
	if err != nil {
		// Some servers answer an error without repeating the question.
		return err == dnsmessage.ErrSectionDone && h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError
	}
	return got.Type == q.asked.Type && got.Class == q.asked.Class && plainName(got.Name) == q.name
}

// read looks for what concerns the question in an answer that answers it. A
// record that is not what its type says makes the whole unreadable.
func (q *question) read(b []byte) (f found, err error) {
	records, n, ok := walk(b)
	if !ok {
		return f, errMalformed
	}
	f.rcode, f.truncated = dnsmessage.RCode(b[3]&15), b[2]&2 != 0
	type link struct {
		from, to string
		ttl      uint32
	}
	type given struct {
		owner string
		addr  netip.Addr
		ttl   uint32
	}
	var links []link
	var addresses []given
	for i := range records[:n] {
		r := &records[i]
		if r.class != uint16(dnsmessage.ClassINET) {
			continue
		}
		switch r.typ {
		case typeA, typeAAAA:
			a, ok := r.address(b)
			if !ok {
				return f, errMalformed
			}
			addresses = append(addresses, given{r.owner, a, r.ttl})
		case typeCNAME:
			to, ok := r.target(b)
			if !ok {
				return f, errMalformed
			}
			links = append(links, link{r.owner, to, r.ttl})
		case typeSVCB, typeHTTPS:
			hints, ok := r.hints(b)
			if !ok {
				return f, errMalformed
			}
			for _, a := range hints {
				addresses = append(addresses, given{r.owner, a, r.ttl})
			}
		}
	}
	known := []string{q.name}
	least := ^uint32(0)
	for grown := true; grown && len(known) <= maxChain; {
		grown = false
		for _, l := range links {
			if slices.Contains(known, l.from) && !slices.Contains(known, l.to) && len(known) <= maxChain {
				known, grown = append(known, l.to), true
				least = min(least, l.ttl)
			}
		}
	}
	for _, r := range addresses {
		if slices.Contains(known, r.owner) {
			f.addresses = append(f.addresses, r.addr)
			least = min(least, r.ttl)
		}
	}
	f.targets = known[1:]
	if least != ^uint32(0) {
		f.ttl = time.Duration(min(least, 1<<31-1)) * time.Second
	}
	return f, nil
}

// lifetimes finds where the TTLs of an answer's records stand, but for OPT's,
// which is none. ok false: the message cannot be walked.
func lifetimes(b []byte) (at []int, ok bool) {
	records, _, ok := walk(b)
	for _, r := range records {
		if r.typ != typeOPT {
			at = append(at, r.at)
		}
	}
	return at, ok
}
