// Asks a CA for a certificate with the code of Istio's own agent, and prints what Envoy would get of it, as JSON: the chain, the key and
// ROOTCA. sidecar -ca ADDRESS -san NAME -roots FILE -token FILE -identity spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/credentialfetcher/plugin"
	"istio.io/istio/security/pkg/nodeagent/cache"
	"istio.io/istio/security/pkg/nodeagent/caclient/providers/citadel"
)

func main() {
	address := flag.String("ca", "", "address of the CA, e.g. 127.0.0.1:15012")
	san := flag.String("san", "", "the name that its certificate must have")
	roots := flag.String("roots", "", "what its certificate is verified to, PEM: the mounted istio-ca-root-cert")
	token := flag.String("token", "", "file with a token of the service account")
	identity := flag.String("identity", "", "SPIFFE ID of the service account")
	ttl := flag.Duration("ttl", 24*time.Hour, "SECRET_TTL")
	flag.Parse()
	if err := run(*address, *san, *roots, *token, *identity, *ttl); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, san, roots, token, identity string, ttl time.Duration) error {
	quiet := log.DefaultOptions()
	quiet.SetDefaultOutputLevel(log.OverrideScopeName, log.NoneLevel)
	if err := log.Configure(quiet); err != nil {
		return err
	}
	parts := strings.Split(strings.TrimPrefix(identity, "spiffe://"), "/")
	if len(parts) != 5 {
		return fmt.Errorf("-identity must be spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, got %q", identity)
	}
	options := &security.Options{
		CAEndpoint: address, CAEndpointSAN: san, TrustDomain: parts[0], WorkloadNamespace: parts[2], ServiceAccount: parts[4],
		WorkloadRSAKeySize: 2048, SecretTTL: ttl, SecretRotationGracePeriodRatio: 0.5, CredFetcher: plugin.CreateTokenPlugin(token),
	}
	client, err := citadel.NewCitadelClient(options, &citadel.TLSOptions{RootCert: roots})
	if err != nil {
		return err
	}
	secrets, err := cache.NewSecretManagerClient(client, options)
	if err != nil {
		return err
	}
	defer secrets.Close()
	own, err := secrets.GenerateSecret(security.WorkloadKeyCertResourceName)
	if err != nil {
		return err
	}
	trusted, err := secrets.GenerateSecret(security.RootCertReqResourceName)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"chain": string(own.CertificateChain), "key": string(own.PrivateKey), "rootCa": string(trusted.RootCert),
	})
}
