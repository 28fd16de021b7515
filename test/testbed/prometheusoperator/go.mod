// The Prometheus operator's CRDs, for strict validation by the real API server. Nothing of it is built: only its folder is read.
module cdk8s-mesh-ca/test/testbed/prometheusoperator

go 1.26

require github.com/prometheus-operator/prometheus-operator v0.85.0
