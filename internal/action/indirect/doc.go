// Package indirect reads a program's arguments for what it will run beside
// itself: the file that ld.so is given, the applet of busybox, the command
// behind env or timeout, the script of an interpreter, code after -c.
//
// It takes the file name of a program and its arguments, gives references
// (action.Ref) with kind, name and origin filled in, and looks at no disk: the
// mechanism finds the objects as the program itself would. It trusts nothing
// and never panics. Which program is an interpreter is known by name, so a
// renamed copy is the business of drift and of allow lists.
package indirect
