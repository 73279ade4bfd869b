package enforcer

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// MaxPasswd bounds how much of /etc/passwd is read.
const MaxPasswd = 1 << 20

// users names user ids by the image's own /etc/passwd. The application may
// change that file, so a name is a courtesy to the reader of an event, never
// an input to a verdict.
type users struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	checked time.Time
	mtime   time.Time
	names   map[uint32]string
}

// passwdPause is how long an answer is used without looking at the file again.
const passwdPause = 5 * time.Second

func (u *users) name(uid uint32) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := u.now(); u.names == nil || now.Sub(u.checked) >= passwdPause {
		u.checked = now
		u.read()
	}
	return u.names[uid]
}

func (u *users) read() {
	if u.names == nil {
		u.names = map[uint32]string{}
	}
	// O_NONBLOCK: the application may have put a FIFO there.
	f, err := os.OpenFile(u.path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.ModTime().Equal(u.mtime) {
		return
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxPasswd))
	if err != nil {
		return
	}
	u.mtime = st.ModTime()
	u.names = parsePasswd(b)
}

// parsePasswd reads name:password:uid:... lines; the first name of a uid wins.
func parsePasswd(b []byte) map[uint32]string {
	names := map[uint32]string{}
	for line := range bytes.Lines(b) {
		name, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || len(name) > 64 || name[0] == '#' {
			continue
		}
		_, rest, _ = bytes.Cut(rest, []byte(":"))
		num, _, _ := bytes.Cut(rest, []byte(":"))
		uid, err := strconv.ParseUint(string(num), 10, 32)
		if err != nil {
			continue
		}
		if _, taken := names[uint32(uid)]; !taken {
			names[uint32(uid)] = string(name)
		}
	}
	return names
}
