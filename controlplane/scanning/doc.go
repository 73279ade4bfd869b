// Package scanning is the scan queue: what is to be scanned, who scans it, and
// that every scan ends exactly once.
//
// It takes Requests (from people, schedules, webhooks), lends them as leases to
// workers, in this process or over the wire, and takes their reports: those are
// matched with the server's database and judged by the tenant's policies here,
// and kept in the inventory in the same transaction that ends the job. It owns
// the tables scan_jobs, scan_workers and scan_deliveries of package store, and
// River's: River chooses which job is next (priority, time, order) and counts
// attempts, scan_jobs says what people see and who holds the lease. Both change
// in one transaction always.
//
// It trusts no worker further than its lease: a report counts as one of the
// image that was asked for, whatever it says it is of, it is read with limits,
// and it counts once. What a worker says of that image it could make up: the
// report names it. A lease that is neither renewed nor ended in time is lost:
// the job waits again, and what its last holder still says is refused.
//
// States: waiting -> leased -> done | failed | cancelled. A lease that is lost,
// given back or failed makes the job wait again, until there were too many.
package scanning
