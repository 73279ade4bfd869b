package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // driver "sqlite"
)

//go:embed migrations
var migrations embed.FS

// What a query may find wrong, for the API to answer with 404, 409 and 412.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInUse    = errors.New("in use")
	ErrVersion  = errors.New("changed by somebody else")
	ErrFull     = errors.New("there are as many as can be held")
)

// Dialect is the database behind a store.
type Dialect string

// Dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Sizes of the pools. SQLite has one writer by design.
const (
	sqliteReaders  = 4
	postgresConns  = 16
	busyTimeout    = 10 * time.Second
	connectTimeout = 20 * time.Second
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	Reader
	write   *bun.DB
	read    *bun.DB
	dialect Dialect
}

// Open opens the database at address, creating and migrating it as needed.
// address is "postgres://..." or a file path (optionally with "sqlite://").
func Open(ctx context.Context, address string) (*Store, error) {
	s, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func connect(ctx context.Context, address string) (*Store, error) {
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		return connectPostgres(ctx, address)
	}
	if scheme, _, ok := strings.Cut(address, "://"); ok && scheme != "sqlite" {
		return nil, fmt.Errorf("cannot open database: %.50q is no kind of database here; want postgres://USER@HOST/NAME or a file", scheme)
	}
	return connectSQLite(ctx, strings.TrimPrefix(address, "sqlite://"))
}

func connectSQLite(ctx context.Context, path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("cannot open database: no path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open database %s: %w", path, err)
	}
	open := func(conns int, lock string, pragmas ...string) (*bun.DB, error) {
		q := url.Values{"_txlock": {lock}}
		for _, p := range append(pragmas, fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())) {
			q.Add("_pragma", p)
		}
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
		if err != nil {
			return nil, fmt.Errorf("cannot open database %s: %w", path, err)
		}
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		if err := db.PingContext(ctx); err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("cannot open database %s: %w", path, err)
		}
		return bun.NewDB(db, sqlitedialect.New()), nil
	}
	w, err := open(1, "immediate", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "cache_size(-32768)", "auto_vacuum(INCREMENTAL)")
	if err != nil {
		return nil, err
	}
	r, err := open(sqliteReaders, "deferred", "query_only(ON)", "cache_size(-16384)")
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return &Store{Reader: Reader{db: r}, write: w, read: r, dialect: SQLite}, nil
}

func connectPostgres(ctx context.Context, address string) (*Store, error) {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, fmt.Errorf("cannot open database: %w", redactDSN(err))
	}
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("cannot reach PostgreSQL: %w", redactDSN(err))
	}
	b := bun.NewDB(db, pgdialect.New())
	return &Store{Reader: Reader{db: b}, write: b, read: b, dialect: Postgres}, nil
}

// redactDSN keeps the password of a connection string out of an error: pgx
// repeats the string when it cannot be parsed.
func redactDSN(err error) error {
	if strings.Contains(err.Error(), "postgres") && strings.Contains(err.Error(), "@") {
		return errors.New("the connection string is not valid, or the server refused it")
	}
	return err
}

func (s *Store) migrate(ctx context.Context) error {
	dialect := goose.DialectSQLite3
	if s.dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	files, err := fs.Sub(migrations, "migrations/"+string(s.dialect))
	if err != nil {
		return fmt.Errorf("cannot read migrations: %w", err)
	}
	p, err := goose.NewProvider(dialect, s.write.DB, files, goose.WithVerbose(false), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("cannot prepare migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("cannot migrate database: %w", err)
	}
	return nil
}

// SchemaVersion is the number of the newest migration that was applied.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	var v int64
	err := s.read.NewRaw("SELECT MAX(version_id) FROM goose_db_version WHERE is_applied").Scan(ctx, &v)
	if err != nil {
		return 0, fmt.Errorf("cannot read schema version: %w", err)
	}
	return v, nil
}

// Dialect tells which database this is.
func (s *Store) Dialect() Dialect { return s.dialect }

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("cannot reach database: %w", err)
	}
	return nil
}

// Close closes the database. SQLite folds its log into the file.
func (s *Store) Close() error {
	if s.dialect == Postgres {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}
