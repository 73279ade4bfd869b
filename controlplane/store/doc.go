// Package store keeps everything the control plane knows, in SQLite or in
// PostgreSQL behind one API.
//
// It takes and gives plain rows; it owns the schema (migrations, embedded,
// one folder per dialect), transactions and the order of events. It trusts
// its callers to have checked permissions, and nobody else: what comes back
// from the database is bounded by the limits of its queries.
//
// Rules that hold in every file:
//
//   - Every exported method that touches rows takes a tenant.ID right after
//     the context and scopes its query by it. The few that cannot know the
//     tenant yet (a secret is what tells it) have names ending in AnyTenant;
//     those about the install as a whole are on Install.
//   - Reads are methods of Reader and may run on Store (its read pool) or
//     inside a transaction; writes are methods of Tx only, reached through
//     Store.Update, so that a change and its audit record are one commit.
//   - SQLite: one writer connection, a pool of readers, WAL, synchronous=FULL.
//     PostgreSQL: one pool.
//   - Times are UTC nanoseconds since 1970 in the database and time.Time here.
package store
