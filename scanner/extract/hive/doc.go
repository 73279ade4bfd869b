// Package hive reads registry hives of Windows (regf): keys and values.
//
// It takes the bytes of a hive and gives values by the path of their key. It
// replays no log (Dirty says that one waits), reads no class names, security
// descriptors or values above 16 KiB in pieces, and trusts nothing: each
// offset is held against the file, lists are bounded, and keys are followed
// downwards only, as deep as a path is long.
//
// The format is told by "Windows registry file format specification" of
// M. Suhanov.
package hive
