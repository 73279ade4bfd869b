// Package api is the HTTP API of the control plane under /api/v1, its OpenAPI
// document, and the health and metrics endpoints.
//
// It takes requests and gives JSON, problem+json (RFC 9457) or streams. It
// trusts nothing in a request but what package access has proved; every store
// call is scoped by the principal's tenant. It owns the shapes of the API and
// one table of routes (routes.go): method, path, permission, handler. A test
// walks the router and fails on a route that is not in the table.
//
// # How to read it
//
//	routes.go   the table
//	route.go    a row becomes an operation of huma, or a plain gin handler
//	guard.go    who asks, and may they
//	change.go   a change, its audit record and the bundles that follow: one commit
//	problem.go  errors become answers
//	the rest    one file per resource
//
// # Conventions
//
//   - Lists answer {items, nextCursor?, total?}; ?cursor= and ?limit= (1 to 500).
//     A list of events may give a short page with a cursor: one page looks at
//     a bounded number of rows. Only the absence of nextCursor means the end.
//   - Objects that people change carry an ETag; PUT wants it in If-Match (428
//     without, 412 if it differs). DELETE checks If-Match if it is there.
//   - ?dryRun=true does everything in a transaction that is taken back.
//   - Changes that come with a session cookie need X-CSRF-Token; requests with
//     "Authorization: Bearer" do not.
//   - A PUT that changes nothing makes no new version, no audit record and no bundle.
//
// # Beyond the agreed shapes
//
// Added fields: version on groups; document, yaml, description and createdAt
// on policies; etag and exception in a proposal; at and seq on events (lists
// are ordered by at, streams by seq, which is also the id of a server-sent
// event); labels, tasks, stopping, bootId, remoteAddr and skewMs on enforcers;
// secret and token (the same) on a join token when it is made; prefix,
// usesLeft and expired on tokens. Effective gives {groupMode, controls, items,
// outOfScope}, where items repeats controls. The export's JSON is one object a
// line (application/x-ndjson). A group's read-only fields are accepted and
// ignored when they come back in a PUT; other unknown fields are errors.
package api
