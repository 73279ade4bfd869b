// Package seed fills a control plane with what a working install holds, so
// that every page of the console can be looked at and tested with something on
// it: groups and policies, enforcers on every platform, events of every
// control, findings in each state, a learning group with its profile.
//
// It takes a running server and an administrator's token, and gives nothing
// back but what the server then shows. Everything goes in as it does in life:
// policies, groups and tokens through the API, enforcers, heartbeats, profiles
// and events through the gateway over package uplink, with sentences and
// techniques from package event and states from package platform. It owns the
// enforcers that it plays until the context ends.
package seed
