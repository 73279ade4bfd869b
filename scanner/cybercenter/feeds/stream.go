package feeds

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// eachJSON calls f with the values of a JSON array, or of a file with one value
// after the other.
func eachJSON(r io.Reader, f func(int, json.RawMessage)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	array, err := startsWith(br, '[')
	if err != nil {
		return err
	}
	dec := json.NewDecoder(br)
	if array {
		if _, err := dec.Token(); err != nil {
			return err
		}
	}
	for i := 0; ; i++ {
		if array && !dec.More() {
			_, err := dec.Token()
			return err
		}
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) && !array {
			return nil
		}
		if err != nil {
			return err
		}
		if len(raw) > MaxRecord {
			return fmt.Errorf("record %d: %w", i, ErrTooLarge)
		}
		f(i, raw)
	}
}

// eachMember calls f with the members of a JSON object, one at a time.
func eachMember(r io.Reader, f func(string, json.RawMessage)) error {
	dec := json.NewDecoder(r)
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return errors.New("it is no JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return errors.New("a member has no name")
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("%s: %w", clip(key, 80), err)
		}
		f(key, raw)
	}
	_, err := dec.Token()
	return err
}

func startsWith(br *bufio.Reader, want byte) (bool, error) {
	for {
		b, err := br.ReadByte()
		if err != nil {
			return false, err
		}
		if b == ' ' || b == '\n' || b == '\r' || b == '\t' {
			continue
		}
		return b == want, br.UnreadByte()
	}
}
