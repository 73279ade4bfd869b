// Package controlplane is the door of the control plane: Run starts the HTTP
// API with the console, the gateway that enforcers call, and the work behind
// both, in one process.
//
// It takes a Config and a context; it gives nothing but its log and the
// addresses it listens on. It trusts the data folder and the database it is
// given. It owns the order of starting and stopping:
//
//	start: database -> keys -> bundles -> ingest -> API and gateway -> janitor
//	stop:  API and gateway finish their calls -> ingest commits what it was
//	       handed -> database
//
// The rooms behind it: store (rows), access (who may), audit (who did),
// publish (bundles), ingest (what enforcers say), events (what people see of
// it), api (HTTP), authority (keys), gateway (the exposed tier), ui (console).
package controlplane
