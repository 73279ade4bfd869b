// Package storetest gives tests a database: a fresh SQLite file, or with the
// build tag postgres a fresh database on a real PostgreSQL server of their own.
package storetest
