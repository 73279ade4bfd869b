// Package vulndata keeps the vulnerability database of a server: it pulls a new
// one from its mirrors at an interval, or when somebody asks, has the kept
// reports matched again whenever the file has become another, and says how all of
// this stands.
//
// It takes the file that `limpet db pull` or itself writes, the mirrors and the
// keys that the operator named when the server started; nobody who calls the API
// can name others. It trusts what package cybercenter verified: a database that no
// such key has signed, or that is older than the one held, is refused, and what is
// held stays. A database that the operator put there by hand is used as it is, and
// is called unsigned or not checked. It owns the file while there are mirrors, and
// a small file beside the server's data with what the last attempt came to.
package vulndata
