// Package transform edits the definition by which a platform runs containers,
// so that they run under the MicroEnforcer without another image: an ECS task
// definition (JSON, a Terraform file, a CloudFormation template), an Azure container group (YAML, an ARM template), a
// Cloud Run service, and every Kubernetes object that holds a pod.
//
// It takes the text of a definition and Options, and gives the same text with
// the enforcer in it: a carrier container whose volume holds the enforcer, that
// volume read-only in the others, and their own commands behind it. Where the
// definition leaves a command to the image, Options.Start is asked for the
// image's. Only the changed places of a text are written: the rest stays to the
// byte. A YAML text is held against its nodes afterwards, and written anew as a
// whole where that fails. Doing it twice
// changes nothing; Undo gives the original back: what cannot be seen of it
// travels in the carrier's environment.
//
// Containers whose image was wrapped need no carrier: a command that would go
// past their entrypoint is put behind it.
//
// It trusts neither the definition nor what an image says of itself; texts are
// bounded and nothing of them is run. It owns the container and volume named
// Name.
package transform
