package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// JSON encodes an event as one line of JSON without a newline: lowerCamel
// keys, enumerations by name, 64-bit numbers as strings (protobuf's JSON
// mapping). The same event gives the same bytes.
func JSON(e *eventpb.Event) ([]byte, error) {
	data, err := protojson.MarshalOptions{}.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("cannot encode event: %w", err)
	}
	var b bytes.Buffer // protojson varies its spaces on purpose
	if err := json.Compact(&b, data); err != nil {
		return nil, fmt.Errorf("cannot encode event: %w", err)
	}
	return b.Bytes(), nil
}

// WriteJSON writes an event as one line.
func WriteJSON(w io.Writer, e *eventpb.Event) error {
	data, err := JSON(e)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("cannot write event: %w", err)
	}
	return nil
}
