// trust-manager, which writes a Bundle into ConfigMaps. It stands on another k8s.io than the cluster, so its module is its own.
// Not for `go mod tidy`. To move a version: edit it here, then `go list -mod=mod -deps` with its package.
module cdk8s-mesh-ca/test/testbed/trustmanager

go 1.26.0

require github.com/cert-manager/trust-manager v0.25.0
