// Makes a key and a request for a certificate with Istio's own code, as a sidecar's agent does for itself and istio-csr for its server:
// csr [-ec] [-bits BITS] NAMES prints the request, then the key. NAMES are DNS names and URIs, a comma between two.
package main

import (
	"flag"
	"fmt"
	"os"

	"istio.io/istio/security/pkg/pki/util"
)

func main() {
	ec := flag.Bool("ec", false, "a key of type EC, P-256")
	bits := flag.Int("bits", 2048, "bits of an RSA key")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: csr [-ec] [-bits BITS] NAMES")
		os.Exit(2)
	}
	options := util.CertOptions{Host: flag.Arg(0), RSAKeySize: *bits}
	if *ec {
		options.ECSigAlg = util.EcdsaSigAlg
		options.ECCCurve = util.P256Curve
	}
	csr, key, err := util.GenCSR(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s%s", csr, key)
}
