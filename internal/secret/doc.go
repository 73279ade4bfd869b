// Package secret holds values that must not be seen: tokens, keys, passwords.
//
// A Value takes bytes, gives them back only through Bytes, and shows
// "[redacted]" however it is printed, formatted, logged or encoded. Wipe
// overwrites it. The package trusts the caller not to keep copies; it owns the
// memory of its values.
package secret
