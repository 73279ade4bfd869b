// Package audit writes down every change that somebody made: who, what,
// before, after and from where. Records are written in the transaction of
// the change itself, so there is never one without the other.
//
// It takes the objects as the API shows them, takes secrets out of them, and
// owns the form of a record. Nothing can change or remove a record.
package audit
