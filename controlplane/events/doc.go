// Package events turns stored events into what people see: the JSON of the
// API, CSV, the explanation of a verdict, and the policy change that would
// allow what was stopped. Hub tells live streams that something was committed.
//
// It takes rows of the store and policies, gives plain values, and trusts
// nothing in an event: every string in it may have been chosen by an
// attacker.
package events
