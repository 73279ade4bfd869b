package finding

// Signatures is what is attached to an image in its registry that may be a
// signature of it. None is verified: whose signatures count is for those who
// judge to say.
type Signatures struct {
	Items []Signature `json:"items,omitempty"`
	// Problem is why it could not be looked for; Items is empty then.
	Problem string `json:"problem,omitempty"`
}

// Signature is one document, as it lies in the registry.
type Signature struct {
	Subject   string `json:"subject"` // digest that it is attached to: of the image, or of the index that it was taken from
	MediaType string `json:"mediaType"`
	Document  []byte `json:"document"`
	Value     string `json:"value,omitempty"` // the signature, where it stands beside the document
}
