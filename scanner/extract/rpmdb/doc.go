// Package rpmdb reads the databases in which rpm keeps what is installed, in
// their three forms: Berkeley DB hash (Packages), NDB (Packages.db) and SQLite
// (rpmdb.sqlite).
//
// It takes the file as an io.ReaderAt and gives its packages. It is written for
// hostile files: no engine runs, no page is read twice as often as the file has
// pages, all headers together are at most as long as the file, and a damaged
// file gives an error with the packages that were read before it.
//
// Sources: rpm 4.18 lib/header.c and lib/backend/ndb, Berkeley DB's
// dbinc/db_page.h, https://www.sqlite.org/fileformat2.html.
package rpmdb
