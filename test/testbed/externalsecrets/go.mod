// External Secrets' CRDs, for strict validation by the real API server. Nothing of it is built: only its folder is read.
module cdk8s-mesh-ca/test/testbed/externalsecrets

go 1.26

require github.com/external-secrets/external-secrets v1.3.2
