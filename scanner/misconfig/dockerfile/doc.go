// Package dockerfile reads the text of a Dockerfile into its instructions.
//
// It takes at most MaxBytes of text and gives instructions with the lines they
// stand on, build stages and comments. It knows the escape directive,
// continued lines, the JSON form, flags and here-documents as BuildKit's
// documentation has them; variables are left as they are written.
//
// It owns nothing, runs nothing and trusts nothing: what it cannot read is an
// error with the line. (BuildKit's own parser comes in a module that raises the
// versions of two dozen others, Go's among them, for these 200 lines.)
package dockerfile
