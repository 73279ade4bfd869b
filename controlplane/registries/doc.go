// Package registries looks through container registries for images to scan.
//
// It takes registries as people describe them (package spec) with their
// secrets, asks each by its publisher's API which repositories and tags it
// holds, chooses by the patterns, pins what was chosen to digests and hands it
// to the scan queue: by schedule, when a push notification comes, or because
// somebody asked. It lends the queue's workers what they need to pull.
//
// Registries and whoever sends push notifications are not trusted. Answers are
// bounded in size and number; addresses of this machine and of cloud metadata
// are refused at the moment of connecting, so that a name cannot lead there;
// credentials go to the registry's own host and to hosts that its type or its
// owner names, never after a redirect. A notification says only that there may
// be something: name, patterns and digest are checked against the registry.
//
// It owns the tables registries, registry_repositories, registry_tags and
// registry_deliveries. Secrets are sealed under the master key and leave the
// package only in requests to the registry and in a worker's lease.
//
// Run looks for due registries and works on a few of them at once, each by
// itself; of several servers one takes a registry, by a lease in its row.
package registries
