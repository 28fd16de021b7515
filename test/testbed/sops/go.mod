// sops and age, for `secret.delivery: sops`: they encrypt the Secret for Git and decrypt it again.
// Not for `go mod tidy`. To move a version: edit it here, then `go list -mod=mod -deps` with the packages of all the programs at once.
module cdk8s-mesh-ca/test/testbed/sops

go 1.26.0

require (
	filippo.io/age v1.3.2
	github.com/getsops/sops/v3 v3.13.3
)
