// cert-manager's controllers for Vault issuers, from its library: its own binary is a module that is not served. No leader election, no
// webhook, no metrics; what decides about issuers, requests, certificates and their secrets is cert-manager's code as it is.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/logs"

	// Each of these registers itself.
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/vault"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
)

// approver is the controller that approves every request. A cluster with approver-policy runs cert-manager without it.
const approver = "certificaterequests-approver"

func main() {
	// A flag set of our own: some of the libraries put a --kubeconfig into the common one.
	flags := flag.NewFlagSet("certmanager", flag.ExitOnError)
	klog.InitFlags(flags)
	kubeconfig := flags.String("kubeconfig", "", "the cluster's kubeconfig file")
	namespace := flags.String("cluster-resource-namespace", "cert-manager", "where a ClusterIssuer's secrets are read")
	backoff := flags.Duration("minimum-backoff", time.Hour, "how long a Certificate waits after a failed request")
	approve := flags.Bool("approve", true, "run the controller that approves every request")
	qps := flags.Float64("kube-api-qps", 1000, "calls to the API server in a second; cert-manager's own is 20")
	burst := flags.Int("kube-api-burst", 1000, "calls to the API server at once; cert-manager's own is 50")
	workers := flags.Int("concurrent-workers", 2, "workers of each controller; cert-manager's own is 5")
	_ = flags.Parse(os.Args[1:])
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	logs.InitLogs()
	defer logs.FlushLogs()
	known := controller.Known()
	if _, ok := known[approver]; !ok {
		fmt.Fprintln(os.Stderr, "cert-manager no longer has a controller named", approver)
		os.Exit(1)
	}
	if !*approve {
		delete(known, approver)
	}
	if err := run(ctx, known, *workers, controller.ContextOptions{
		Kubeconfig:         *kubeconfig,
		KubernetesAPIQPS:   float32(*qps),
		KubernetesAPIBurst: *burst,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: *namespace},
		// The defaults of cert-manager's own command line.
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: *backoff,
			CertificateRequestMaximumBackoffDuration: max(*backoff, 32*time.Hour),
		},
	}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, known map[string]controller.Constructor, workers int, options controller.ContextOptions) error {
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	failed := make(chan error, len(known))
	for name, construct := range known {
		// Constructing registers the informers, so all of it comes before they start.
		c, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		go func() { failed <- c.Run(workers, ctx) }()
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	shared.SharedInformerFactory.WaitForCacheSync(ctx.Done())
	shared.KubeSharedInformerFactory.WaitForCacheSync(ctx.Done())
	fmt.Println("controllers are running:", len(known))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
