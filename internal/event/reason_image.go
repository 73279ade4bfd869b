package event

import (
	"fmt"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// assured tells of a workload whose image nobody vouches for.
func assured(e *eventpb.Event, rule string) string {
	image := orElse(Text(e.GetWorkload().GetImage(), 300), "The image")
	at := e.GetAttributes()
	switch rule {
	case "no-verdict":
		rule = "nobody has signed a verdict about it"
	case "malformed":
		rule = "what it carries is no signed verdict"
	case "wrong-key":
		rule = "no trusted key has signed its verdict"
	case "other-image":
		rule = "the verdict that it carries is about another image"
	case "policy":
		rule = "the assurance policies that are asked for have not judged it"
	case "not-yet":
		rule = "its verdict is of a time that has not come: " + at["judged_at"]
	case "expired":
		rule = "its verdict expired at " + at["expires_at"]
	case "too-old":
		rule = "its verdict is too old, of " + at["judged_at"]
	case "failed":
		rule = "it failed its assurance policies at " + at["judged_at"]
	case "registry":
		rule = "it comes from none of the group's registries"
	case "label":
		rule = "a label is missing that the group asks for"
	}
	return fmt.Sprintf("%s is not approved to run: %s.", image, Text(rule, 200))
}
