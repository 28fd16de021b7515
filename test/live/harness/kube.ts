import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { buildPrograms } from '../../testbed/build';
import { makeCa, makeServerCertificate } from './certificates';
import { keptProgram } from './kept';
import { type Answer, send } from './http';
import { freePort, lastLines, messageOf, ok, run, type RunOptions, type RunResult, type Running, start, tempDir, until } from './process';

/** A running Kubernetes API: etcd and kube-apiserver. No nodes, no controller manager: nothing runs pods or collects garbage. */
export interface Kube {
  /** Path of a kubeconfig whose only context, of an administrator, is the current one. */
  readonly kubeconfig: string;
  readonly context: string;
  readonly adminToken: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** The CA of the API server. */
  readonly caPem: string;
  /** The issuer of service account tokens. */
  readonly issuer: string;
  /** Public key of service account tokens, PEM. */
  readonly serviceAccountKeyPem: string;
  /** For `run`: KUBECONFIG, `kubectl` in the PATH, and a HOME of its own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** kubectl as the administrator. A failure is a result. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Applies YAML with strict validation; an error where it is refused. */
  apply(yaml: string): Promise<void>;
  /** An object as the API has it, or `undefined`. `what` is e.g. `['secret', 'istiod-tls', '-n', 'istio-system']`. */
  get(what: readonly string[]): Promise<unknown>;
  /** The API itself, as the administrator unless a token is given. `path` is e.g. `/openid/v1/jwks`. */
  request(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  readonly log: () => string;
  stop(): Promise<void>;
}

export interface KubeOptions {
  /**
   * Name of the kubeconfig's context, cluster and user: different ones for clusters whose kubeconfigs are used together.
   *
   * @default "cluster-1"
   */
  readonly context?: string;
  /** @default "https://kubernetes.default.svc.cluster.local" */
  readonly issuer?: string;
  /**
   * Further public keys that tokens of service accounts are checked with, PEM, as while a key is changed.
   *
   * @default - none
   */
  readonly moreKeys?: readonly string[];
  /**
   * More flags of kube-apiserver, e.g. `--enable-priority-and-fairness=false`.
   *
   * @default - none
   */
  readonly flags?: readonly string[];
}

/** Starts an API server with an etcd of its own; several may run at once. */
export async function startKube(options: KubeOptions = {}): Promise<Kube> {
  const { context = 'cluster-1', issuer = 'https://kubernetes.default.svc.cluster.local', moreKeys = [], flags = [] } = options;
  const bins = { ...(await buildPrograms(['etcd', 'kube-apiserver'])), kubectl: await keptProgram('kubectl') };
  const folder = tempDir('kube');
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const url = `https://127.0.0.1:${port}`;
  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = start(
    'etcd',
    bins.etcd,
    [
      ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
      ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`],
    ],
    { folder },
  );
  const ca = await makeCa(folder, `CA of ${context}`);
  const names = ['IP:127.0.0.1', 'DNS:localhost', 'DNS:kubernetes.default.svc'];
  const { certFile, keyFile } = await makeServerCertificate(ca, folder, 'apiserver', names);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const at = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const adminToken = randomBytes(16).toString('hex');
  const apiserver = start(
    'kube-apiserver',
    bins['kube-apiserver'],
    [
      ...['--etcd-servers', etcdUrl, '--secure-port', String(port), '--bind-address', '127.0.0.1', '--cert-dir', folder],
      ...['--tls-cert-file', certFile, '--tls-private-key-file', keyFile],
      ...['--service-account-key-file', at('sa.pub', publicKey), '--service-account-signing-key-file', at('sa.key', privateKey)],
      ...moreKeys.flatMap((pem, i) => ['--service-account-key-file', at(`sa-${i}.pub`, pem)]),
      ...['--service-account-issuer', issuer, '--token-auth-file', at('tokens.csv', `${adminToken},admin,admin,system:masters\n`)],
      ...['--authorization-mode', 'RBAC', '--service-cluster-ip-range', '10.96.0.0/24', '--allow-privileged'],
      // Service accounts do not appear by themselves, so a pod (which nothing runs) would be refused for want of one.
      ...['--disable-admission-plugins', 'ServiceAccount'],
      // It would try to publish a loopback address as the service `kubernetes`.
      ...['--endpoint-reconciler-type', 'none'],
      ...flags,
    ],
    { folder },
  );
  // Nothing is kept, so nothing needs an orderly end.
  const stop = async () => {
    await Promise.all([apiserver.stop('SIGKILL'), etcd.stop('SIGKILL')]);
  };
  const request = (method: string, path: string, body?: unknown, token = adminToken) =>
    send(`${url}${path}`, method, body, { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, ca.caPem);
  await ready([etcd, apiserver], request, stop);
  const kubeconfig = at('kubeconfig', kubeconfigOf(context, url, ca.caPem, adminToken));
  const env = { KUBECONFIG: kubeconfig, HOME: folder, PATH: `${dirname(bins.kubectl)}${delimiter}${process.env.PATH ?? ''}` };
  const kubectl: Kube['kubectl'] = (args, more = {}) => run(bins.kubectl, args, { ...more, env: { ...env, ...more.env } });
  return {
    kubeconfig,
    context,
    adminToken,
    url,
    caPem: ca.caPem,
    issuer,
    serviceAccountKeyPem: publicKey,
    env,
    kubectl,
    apply: async yaml => {
      ok(await kubectl(['apply', '--validate=strict', '-f', '-'], { input: yaml }));
    },
    get: async what => {
      const json = ok(await kubectl(['get', ...what, '-o', 'json', '--ignore-not-found']));
      return json === '' ? undefined : (JSON.parse(json) as unknown);
    },
    request,
    log: apiserver.log,
    stop,
  };
}

async function ready(servers: readonly Running[], request: Kube['request'], stop: () => Promise<void>): Promise<void> {
  try {
    // Both: /readyz alone comes before the namespaces that every test takes for granted.
    for (const path of ['/readyz', '/api/v1/namespaces/default', '/api/v1/namespaces/kube-system']) {
      await until(
        `the API server's ${path}`,
        async () => {
          for (const server of servers) server.check();
          const { status, body } = await request('GET', path);
          if (status !== 200) throw new Error(`status ${status}: ${typeof body === 'string' ? lastLines(body, 5) : JSON.stringify(body)}`);
          return true;
        },
        60_000,
      );
    }
  } catch (error) {
    await stop();
    const logs = servers.map(server => `--- ${server.logFile}\n${lastLines(server.log())}`);
    throw new Error([messageOf(error), ...logs].join('\n'));
  }
}

function kubeconfigOf(name: string, server: string, caPem: string, token: string): string {
  // JSON is YAML.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
