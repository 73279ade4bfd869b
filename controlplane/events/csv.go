package events

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// csvHeader names the columns of an export.
var csvHeader = []string{
	"id", "observedAt", "receivedAt", "verdict", "mode", "control", "rule", "policy", "technique", "kind", "reason",
	"group", "enforcerId", "image", "imageDigest", "hostname", "exe", "args", "user", "uid", "pid", "object",
	"errno", "killed", "count", "bootId", "sequence",
}

// CSV writes events as CSV (RFC 4180) that a spreadsheet can open without
// taking text from an attacker as a formula.
type CSV struct{ w *csv.Writer }

// NewCSV writes the header line.
func NewCSV(w io.Writer) (*CSV, error) {
	c := &CSV{csv.NewWriter(w)}
	return c, c.w.Write(csvHeader)
}

// Write adds one event.
func (c *CSV) Write(v View) error {
	var p Process
	if v.Process != nil {
		p = *v.Process
	}
	row := []string{
		v.ID, v.ObservedAt.Format(time.RFC3339Nano), v.ReceivedAt.Format(time.RFC3339Nano), v.Verdict, v.Mode, v.Control,
		v.Rule, v.Policy, v.Technique, v.Kind, v.Reason, v.Group, v.EnforcerID, v.Workload.Image, v.Workload.ImageDigest,
		v.Workload.Hostname, p.Exe, strings.Join(p.Args, " "), p.User, strconv.FormatUint(uint64(p.UID), 10),
		strconv.Itoa(int(p.PID)), v.Subject(), v.ErrnoName, strconv.FormatBool(v.Killed), strconv.FormatUint(v.Count, 10),
		v.BootID, strconv.FormatUint(v.Sequence, 10),
	}
	for i := range row {
		row[i] = inert(row[i])
	}
	return c.w.Write(row)
}

// Flush sends what is buffered.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// inert puts an apostrophe before a cell that a spreadsheet would take for a
// formula (OWASP: = + - @ tab and carriage return at the start), and before
// such a character after a line break inside the cell.
func inert(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("=+-@\t\r\n", rune(s[0])) || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") ||
		strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") {
		return "'" + s
	}
	return s
}
