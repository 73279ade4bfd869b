package store

import "github.com/uptrace/bun"

// bunIdent quotes the name of a table or column.
func bunIdent(name string) bun.Ident { return bun.Ident(name) }
