// approver-policy, which approves cert-manager's requests or denies them. It stands on another k8s.io than the cluster, so its module is its own.
// Not for `go mod tidy`. To move a version: edit it here, then `go list -mod=mod -deps` with its package.
module cdk8s-mesh-ca/test/testbed/approverpolicy

go 1.26.0

require github.com/cert-manager/approver-policy v0.28.0
