package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// List is a reputation list as a document.
type List struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Meta     `yaml:"metadata"`
	Spec       ListSpec `yaml:"spec"`
}

// ListSpec is what a reputation list says.
type ListSpec struct {
	Format  string `yaml:"format,omitempty"` // text (the default) or csv
	Column  string `yaml:"column,omitempty"` // csv: number from 1, or name
	Content string `yaml:"content"`
}

// ListBody is a reputation list as it is sent.
type ListBody struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	reputation.Source
}

func parseList(text string) (string, any, error) {
	l := &List{}
	if err := strict(text, l); err != nil {
		return "", nil, err
	}
	if err := checkHead(l.APIVersion, l.Metadata.Name); err != nil {
		return "", nil, err
	}
	l.Spec.Content = reputation.Normal(l.Spec.Content)
	if l.Spec.Format == reputation.Text {
		l.Spec.Format = ""
	}
	b := ListBody{Name: l.Metadata.Name, Description: l.Metadata.Description, Source: reputation.Source{Format: l.Spec.Format, Column: l.Spec.Column, Content: l.Spec.Content}}
	if _, _, err := reputation.Parse(b.Name, b.Source); err != nil {
		return "", nil, err
	}
	normal, err := write(l)
	return normal, b, err
}

func textOfList(raw json.RawMessage) (string, error) {
	var b ListBody
	if err := json.Unmarshal(raw, &b); err != nil {
		return "", err
	}
	if b.Format == reputation.Text {
		b.Format = ""
	}
	return write(&List{
		APIVersion: policy.APIVersion, Kind: KindList, Metadata: Meta{b.Name, b.Description},
		Spec: ListSpec{Format: b.Format, Column: b.Column, Content: b.Content},
	})
}

// Import makes a reputation list what a file says, without a document. It
// gives what the server answers.
func (c *Client) Import(ctx context.Context, b ListBody, dry bool, answer any) (Outcome, error) {
	method, path, outcome := http.MethodPut, "/reputation-lists/"+url.PathEscape(b.Name), Changed
	var was struct {
		Version     int64
		Description string
	}
	etag, err := c.Do(ctx, http.MethodGet, path, "", nil, &was)
	switch {
	case err == nil:
		if b.Description == "" {
			b.Description = was.Description
		}
	case errors.Is(err, ErrNotFound):
		method, path, outcome = http.MethodPost, "/reputation-lists", Created
	default:
		return "", err
	}
	if dry {
		path += "?dryRun=true"
	}
	now, err := c.Do(ctx, method, path, etag, b, answer)
	if err == nil && now == etag && etag != "" {
		outcome = Unchanged
	}
	return outcome, err
}
