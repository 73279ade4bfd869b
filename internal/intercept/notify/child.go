package notify

import "github.com/limpet-security/limpet/internal/kernel/stage"

// ChildMain must be the first call of every main that uses Start. In the
// helper process that becomes the first supervised command it does not
// return. (Package stage has done that work before any main; the call keeps
// the link visible.)
func ChildMain() { stage.Main() }
