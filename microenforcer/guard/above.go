package guard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// WipeInit takes what is for the enforcer out of an init that stands above it,
// as docker run --init puts there: it was started with the same variables and
// arguments, keeps them in its memory, and can be read by every process of its
// user. Entries of the environment that begin with Prefix are zeroed, and secret
// is crossed out in the arguments, unless it is empty. Other parents are
// nobody's business. An error says that values are left.
func WipeInit(secret string) error {
	if os.Getppid() != 1 {
		return nil
	}
	err := change(1, "environ", 49, 50, func(b []byte) { wipeEntries(b, []byte(Prefix)) })
	if secret != "" {
		err = errors.Join(err, change(1, "cmdline", 47, 48, func(b []byte) { crossOut(b, []byte(secret)) }))
	}
	if err != nil {
		return fmt.Errorf("cannot wipe the init process: %w", err)
	}
	return nil
}

func crossOut(b, secret []byte) {
	for {
		i := bytes.Index(b, secret)
		if i < 0 {
			return
		}
		cross(b[i : i+len(secret)])
		b = b[i+len(secret):]
	}
}

// change lets edit work on a part of the first stack of a process of our own
// user: file shows it, and two fields of stat say where it is.
func change(pid int, file string, first, last int, edit func([]byte)) error {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/" + file)
	if err != nil {
		return nil // closed to us, and so to others of our user
	}
	edited := bytes.Clone(text)
	edit(edited)
	if bytes.Equal(edited, text) {
		return nil
	}
	from, _, err := initialOf(dir+"/stat", first, last)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(dir+"/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	// It must still be what was read: a process may have moved it.
	now := make([]byte, len(text))
	if _, err := mem.ReadAt(now, int64(from)); err != nil {
		return err
	}
	if !bytes.Equal(now, text) {
		return errors.New("what is to be wiped is not where it was")
	}
	_, err = mem.WriteAt(edited, int64(from))
	return err
}
