import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { approverPolicyCrds, buildPrograms, certManagerCrds, istioCrds, trustManagerCrds } from '../../testbed/build';
import { makeCa, makeServerCertificate } from './certificates';
import { send } from './http';
import type { Kube } from './kube';
import { freePort, lastLines, messageOf, ok, run, type Running, start, tempDir, until } from './process';

/** Controllers that run against a cluster, from outside of it. */
export interface Controllers {
  readonly log: () => string;
  stop(): Promise<void>;
}

export interface CertManagerOptions {
  /** @default "cert-manager" */
  readonly clusterResourceNamespace?: string;
  /**
   * How long a Certificate waits after a failed request, e.g. `1s`.
   *
   * @default "1h", as cert-manager has it
   */
  readonly minimumBackoff?: string;
  /**
   * Approves every request. `false` where approver-policy or a test is to do so.
   *
   * @default true
   */
  readonly approve?: boolean;
  /**
   * More flags, e.g. `--kube-api-qps=20`.
   *
   * @default - none: 1000 calls to the API server a second, two workers
   */
  readonly flags?: readonly string[];
  /**
   * Added to its environment.
   *
   * @default - none
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** Applies cert-manager's CRDs and runs its controllers for Vault issuers until they are up. */
export async function startCertManager(kube: Kube, options: CertManagerOptions = {}): Promise<Controllers> {
  const { clusterResourceNamespace = 'cert-manager', minimumBackoff = '1h', approve = true, flags: more = [], env } = options;
  const { certmanager } = await buildPrograms(['certmanager']);
  await applyCrds(kube, await certManagerCrds());
  await ensureNamespace(kube, clusterResourceNamespace);
  const namespace = `--cluster-resource-namespace=${clusterResourceNamespace}`;
  const flags = [
    `--kubeconfig=${kube.kubeconfig}`,
    namespace,
    `--minimum-backoff=${minimumBackoff}`,
    `--approve=${String(approve)}`,
    ...more,
  ];
  const running = start('cert-manager', certmanager, flags, { folder: tempDir('cert-manager'), env });
  // It says so when its caches have synced.
  await ready(running, "cert-manager's controllers", () => Promise.resolve(running.log().includes('controllers are running')));
  return { log: running.log, stop: () => running.stop() };
}

/**
 * Applies approver-policy's CRD and the rights that its chart gives it, and runs it as the service account that has them. Its webhook, which
 * looks at policies as they are written, is not registered: the API server here reaches no Service.
 */
export async function startApproverPolicy(kube: Kube): Promise<Controllers> {
  const namespace = 'cert-manager';
  const { 'approver-policy': program } = await buildPrograms(['approver-policy']);
  const crds = await approverPolicyCrds();
  await applyCrds(kube, join(crds, 'policy.cert-manager.io_certificaterequestpolicies.yaml'));
  await ensureNamespace(kube, namespace);
  const chart = join(crds, '../charts/approver-policy');
  const rights = ['serviceaccount', 'clusterrole', 'clusterrolebinding', 'role', 'rolebinding'];
  const rendered = await helmTemplate(chart, 'approver-policy', { namespace, only: [...rights, 'webhook'] });
  // the Secret of its own certificate it may change, but not make.
  const ours = rendered.split(/^---$/m).filter(text => !/^kind: (Service|ValidatingWebhookConfiguration)$/m.test(text));
  await kube.apply(ours.join('---\n'));
  const port = await freePort();
  const kubeconfig = await kubeconfigOf(kube, namespace, 'cert-manager-approver-policy');
  const flags = [
    ...[`--kubeconfig=${kubeconfig}`, `--leader-election-namespace=${namespace}`, '--metrics-bind-address=0'],
    ...[`--readiness-probe-bind-address=127.0.0.1:${port}`, '--webhook-host=127.0.0.1', `--webhook-port=${await freePort()}`],
    ...[`--webhook-ca-secret-namespace=${namespace}`],
  ];
  const running = start('approver-policy', program, flags, { folder: tempDir('approver-policy') });
  await ready(running, 'approver-policy', async () => (await send(`http://127.0.0.1:${port}/readyz`, 'GET', undefined, {})).status === 200);
  return { log: running.log, stop: () => running.stop() };
}

/** What a chart's templates give, as real helm renders them. */
export async function helmTemplate(
  chart: string,
  release: string,
  {
    namespace,
    only = [],
    set = [],
    values = [],
  }: {
    readonly namespace: string;
    readonly only?: readonly string[];
    readonly set?: readonly string[];
    readonly values?: readonly string[];
  },
): Promise<string> {
  const { helm } = await buildPrograms(['helm']);
  const show = only.flatMap(name => ['--show-only', `templates/${name}.yaml`]);
  const given = [...set.flatMap(one => ['--set', one]), ...values.flatMap(file => ['--values', file])];
  const args = ['template', release, chart, '--namespace', namespace, ...show, ...given];
  return ok(await run(helm, args, { env: { HOME: tempDir('helm') } }));
}

/** Path of a kubeconfig with a token of a service account, for what must not be an administrator. */
export async function kubeconfigOf(kube: Kube, namespace: string, name: string): Promise<string> {
  const token = ok(await kube.kubectl(['create', 'token', name, '-n', namespace])).trim();
  const file = join(tempDir('kubeconfig'), 'kubeconfig');
  writeFileSync(file, readFileSync(kube.kubeconfig, 'utf8').replaceAll(kube.adminToken, token), { mode: 0o600 });
  return file;
}

export interface IstiodOptions {
  /** Added to `discovery` and the ports, e.g. `--tlsCertFile=…`. */
  readonly args?: readonly string[];
  /** Added to POD_NAME, POD_NAMESPACE and ENABLE_CA_SERVER=false; `undefined` takes one of these away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Files of istiod's working folder, by their path in it: text, or a file or folder to copy. What istiod looks for by itself is there:
   * `var/run/secrets/istiod/tls/tls.crt`, `var/run/secrets/istiod/tls/tls.key`, `var/run/secrets/istiod/ca/root-cert.pem`.
   */
  readonly files?: Readonly<Record<string, string | { readonly from: string }>>;
  /** @default "istio-system" */
  readonly namespace?: string;
}

/** A running istiod, and its ports on 127.0.0.1. */
export interface Istiod extends Controllers {
  /** What is 15012 in a cluster: xDS and, where it is a CA, certificates. Nothing listens there where istiod has no certificate. */
  readonly securePort: number;
  /** What is 15010. */
  readonly grpcPort: number;
  /** What is 15017: injection and validation. */
  readonly webhookPort: number;
  /** What is 8080. */
  readonly httpPort: number;
  /** What is 15014. */
  readonly monitoringPort: number;
  /** Its working folder. */
  readonly folder: string;
}

/** Applies Istio's CRDs and runs istiod until it says that it is ready. */
export async function startIstiod(kube: Kube, options: IstiodOptions = {}): Promise<Istiod> {
  const { namespace = 'istio-system' } = options;
  const { 'pilot-discovery': pilot } = await buildPrograms(['pilot-discovery']);
  await applyCrds(kube, await istioCrds());
  await ensureNamespace(kube, namespace);
  const folder = tempDir('istiod');
  for (const [name, content] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(folder, name), content);
    else cpSync(content.from, join(folder, name), { recursive: true });
  }
  const ports = {
    securePort: await freePort(),
    grpcPort: await freePort(),
    webhookPort: await freePort(),
    httpPort: await freePort(),
    monitoringPort: await freePort(),
  };
  const at = (port: number) => `127.0.0.1:${port}`;
  const flags = [
    ...['discovery', `--kubeconfig=${kube.kubeconfig}`, `--namespace=${namespace}`, `--secureGRPCAddr=${at(ports.securePort)}`],
    ...[`--grpcAddr=${at(ports.grpcPort)}`, `--httpsAddr=${at(ports.webhookPort)}`, `--httpAddr=${at(ports.httpPort)}`],
    ...[`--monitoringAddr=${at(ports.monitoringPort)}`, '--ctrlz_port=0', '--shutdownDuration=0s'],
  ];
  const env = { ENABLE_CA_SERVER: 'false', POD_NAME: 'istiod-1', POD_NAMESPACE: namespace, ...options.env };
  const running = start('istiod', pilot, [...flags, ...(options.args ?? [])], { folder, env });
  await ready(running, 'istiod', async () => (await send(`http://${at(ports.httpPort)}/ready`, 'GET', undefined, {})).status === 200);
  return { ...ports, folder, log: running.log, stop: () => running.stop() };
}

/**
 * Applies trust-manager's CRDs and runs it until it is ready. Nothing asks its webhook, which it serves nevertheless: the CRD alone refuses
 * what the API server takes in.
 *
 * @param trustNamespace where it looks for what a Bundle refers to
 */
export async function startTrustManager(kube: Kube, trustNamespace = 'cert-manager'): Promise<Controllers> {
  const { 'trust-manager': trustManager } = await buildPrograms(['trust-manager']);
  await applyCrds(kube, await trustManagerCrds());
  await ensureNamespace(kube, trustNamespace);
  const folder = tempDir('trust-manager');
  await makeServerCertificate(await makeCa(folder, 'CA of the webhook'), folder, 'tls', ['DNS:localhost']);
  const [probe, metrics, webhook] = [await freePort(), await freePort(), await freePort()];
  const flags = [
    ...[`--kubeconfig=${kube.kubeconfig}`, `--trust-namespace=${trustNamespace}`, '--leader-elect=false'],
    ...['--webhook-host=127.0.0.1', `--webhook-port=${webhook}`, `--webhook-certificate-dir=${folder}`],
    ...[`--readiness-probe-port=${probe}`, `--metrics-port=${metrics}`],
  ];
  const running = start('trust-manager', trustManager, flags, { folder });
  const url = `http://127.0.0.1:${probe}/readyz`;
  await ready(running, 'trust-manager', async () => (await send(url, 'GET', undefined, {})).status === 200);
  return { log: running.log, stop: () => running.stop() };
}

/** Creates a namespace unless it is there. */
export async function ensureNamespace(kube: Kube, name: string): Promise<void> {
  await kube.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
}

/** Applies CRDs, a file or a folder of them, and waits until the API server serves them. */
export async function applyCrds(kube: Kube, path: string): Promise<void> {
  // Server-side: a client-side apply keeps a copy in an annotation, for which they are too long.
  ok(await kube.kubectl(['apply', '--server-side', '-f', path]));
  ok(await kube.kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', path]));
}

async function ready(running: Running, what: string, answers: () => Promise<boolean>): Promise<void> {
  try {
    await until(
      what,
      async () => {
        running.check();
        return answers();
      },
      60_000,
    );
  } catch (error) {
    await running.stop('SIGKILL');
    throw new Error(`${messageOf(error)}\n${lastLines(running.log())}`);
  }
}
