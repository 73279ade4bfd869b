// Package glob matches slash-separated names, such as file paths and image
// references, against patterns.
//
// A pattern is compiled once and matched without allocation and without
// regular expressions; the time for a match is bounded by the product of the
// lengths of pattern and name, whatever they hold.
//
//   - any run of characters except "/"
//     ?      one character except "/"
//     [a-z]  one character of the class; [!a-z] one that is not in it
//     **     as a whole segment: any number of segments, none included
//     \c     the character c itself
//
// "/usr/bin/**" names everything below /usr/bin, not /usr/bin itself.
// The package trusts nothing and owns nothing.
package glob
