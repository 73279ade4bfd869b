// Package authority is the install's own certificate authority, its bundle
// signing keys, and the encryption of everything secret that the control plane
// keeps at rest.
//
// It takes a KeyStore (the control plane's database) and a Wrapper (the master
// key), gives certificates, signing keys and Seal/Open, trusts the master key
// alone, and owns the names of keys in the KeyStore and the envelope format.
//
// # Keys at rest
//
// Nothing private reaches the KeyStore in the clear. Each value is sealed with
// a fresh AES-256-GCM data key; the data key is wrapped by the master key,
// whose identifier stands in the envelope, so that a master key can be
// replaced, and a Wrapper for Vault Transit or a cloud KMS can take the file's
// place without touching the stored format. Tenant and name are authenticated
// with the value: a sealed value cannot be moved to another name.
//
// # Certificates
//
// The CA is an ECDSA P-256 key, generated at first start and valid ten years.
// It signs the servers' certificates (console, gateway), gateways' client
// certificates and enforcers' certificates. Enforcers' certificates live
// EnforcerLifetime. All names come from the caller's Identity, none from the
// certificate request.
package authority
