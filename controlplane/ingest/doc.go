// Package ingest is the control plane as gateways see it: it implements
// wire.ControlService on the store.
//
// It takes requests whose identity the gateway has verified, and gives
// certificates, bundles and acknowledgements. Tenant, enforcer and time of
// receipt are the gateway's word; everything inside an event or a heartbeat
// is the enforcer's, and may be a lie: it is bounded, never trusted with
// whose it is or when it came.
//
// # Events
//
// PushEvents hands its events to one committer and waits. The committer puts
// what many callers brought into one transaction of at most maxRows, and only
// then are they acknowledged: what is acknowledged is on disk. An event that
// is there already, by (tenant, enforcer, boot id, sequence), is acknowledged
// again and stored once.
//
// # Goroutines
//
// Run owns both: the committer, and the keeper that writes heartbeats now and
// then (the newest of each enforcer). Run returns when both have ended.
package ingest
