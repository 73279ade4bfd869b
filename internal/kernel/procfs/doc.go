// Package procfs reads the few files under /proc that the engine needs about
// another task. It takes a task id and gives plain structs; every read is
// bounded by a Max constant. It trusts the kernel's formats, but not the
// names inside them: a comm may hold any byte.
package procfs
