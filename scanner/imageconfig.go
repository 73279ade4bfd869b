package scanner

import (
	"fmt"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// inspectConfig asks the inspectors that look at image configurations.
func inspectConfig(raw []byte, tag string, list []inspect.Inspector, r *finding.Report) {
	c, err := inspect.ParseConfig(raw)
	if err != nil {
		r.Integrity.Note(finding.Anomaly{Code: "image-config", Effect: finding.Partial, Detail: err.Error()})
		return
	}
	if tag != "" {
		c.Names = []string{tag}
	}
	for _, i := range list {
		if ci, ok := i.(inspect.ConfigInspector); ok {
			found := guarded(ci, i.Name(), c, r)
			r.Secrets = append(r.Secrets, found.Secrets...)
			r.Misconfigurations = append(r.Misconfigurations, found.Misconfigurations...)
		}
	}
	r.Sort()
}

// guarded asks one, whose panic is an anomaly: a configuration is hostile input too.
func guarded(i inspect.ConfigInspector, name string, c inspect.Config, r *finding.Report) (found inspect.Found) {
	defer func() {
		if p := recover(); p != nil {
			r.Integrity.Note(finding.Anomaly{Code: "panic-" + name, Effect: finding.Partial, Path: inspect.ConfigPath, Detail: fmt.Sprint("the inspector panicked: ", p)})
		}
	}()
	return i.InspectConfig(c)
}
