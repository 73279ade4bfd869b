// Package policy is the words of a runtime policy: RuntimePolicy as YAML or
// JSON (apiVersion, kind, metadata, spec), its controls, modes, scope and
// exceptions, how several policies combine, and the published JSON Schema.
//
// It takes bytes and gives validated values or errors with line and column.
// It does no input or output and holds no state.
package policy
