import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { ConfigError } from '../../src/config/problem';
import { ClusterPlan, planMeshCa } from '../../src/plan/plan';
import { intermediatePem, keyPem, leafPem, rootPem } from '../config/certificates';
import { problemsOf } from './problems';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1' }],
};

const withCluster = (cluster: Partial<ClusterConfig>): MeshCaConfig => ({ ...base, clusters: [{ name: 'cluster-1', ...cluster }] });

const plan = (cluster: Partial<ClusterConfig> = {}): ClusterPlan => planMeshCa(withCluster(cluster)).clusters[0]!;

test('a minimal config has every name after its cluster', () => {
  const { vault: _vault, root: _root, istioCsr: _istioCsr, ...rest } = plan();
  expect(rest).toStrictEqual({
    name: 'cluster-1',
    context: 'cluster-1',
    clusterId: 'cluster-1',
    admission: undefined,
    trustDomain: 'cluster.local',
    certificates: { workloadTtl: '1h', istiodTtl: '1h', servingTtl: '1h', maxTtl: '1h', keyType: 'rsa', keyBits: 2048, proxyMetadata: {} },
    intermediate: {
      generation: { number: 1, prefix: 'cluster-1-g', firstCommonName: 'cluster-1 Mesh Intermediate CA', reuseKey: false },
      mount: 'istioca-cluster-1',
      commonName: 'cluster-1 Mesh Intermediate CA',
      subject: {},
      ttl: '43800h',
      key: 'internal',
      keyType: 'rsa',
      keyBits: 3072,
      maxPathLength: 0,
      permittedDnsDomains: [],
      permittedUriDomains: [],
      urls: { issuing_certificates: [], crl_distribution_points: [], ocsp_servers: [], enable_templating: false },
      tidy: {
        enabled: true,
        interval_duration: '12h',
        safety_buffer: '72h',
        pause_duration: '0s',
        tidy_cert_store: true,
        tidy_revoked_certs: true,
        tidy_revoked_cert_issuer_associations: false,
        tidy_expired_issuers: false,
        tidy_move_legacy_ca_bundle: false,
      },
      signer: { mount: 'pki', issuer: 'default', signPath: 'pki/root/sign-intermediate' },
    },
    role: {
      name: 'cluster-1',
      path: 'istioca-cluster-1/roles/cluster-1',
      signPath: 'istioca-cluster-1/sign/cluster-1',
      namespaces: [],
      exact: true,
      fields: {
        allowed_domains: ['istiod.istio-system.svc', 'cert-manager-istio-csr.cert-manager.svc'],
        allow_any_name: false,
        allow_bare_domains: true,
        allow_subdomains: false,
        allow_glob_domains: false,
        allow_wildcard_certificates: false,
        allow_localhost: false,
        allow_ip_sans: false,
        allowed_uri_sans: ['spiffe://cluster.local/ns/*/sa/*'],
        allowed_domains_template: false,
        allowed_other_sans: [],
        allowed_serial_numbers: [],
        allowed_uri_sans_template: false,
        cn_validations: ['hostname'],
        ext_key_usage: [],
        ext_key_usage_oids: [],
        policy_identifiers: [],
        not_before_duration: '30s',
        not_after: '',
        not_after_bound: 'forbid',
        issuer_ref: 'default',
        key_usage: ['DigitalSignature', 'KeyEncipherment'],
        enforce_hostnames: true,
        require_cn: false,
        use_csr_common_name: true,
        use_csr_sans: true,
        server_flag: true,
        client_flag: true,
        code_signing_flag: false,
        email_protection_flag: false,
        basic_constraints_valid_for_non_ca: false,
        key_type: 'rsa',
        key_bits: 2048,
        signature_bits: 256,
        use_pss: false,
        organization: [],
        ou: [],
        country: [],
        locality: [],
        province: [],
        street_address: [],
        postal_code: [],
        allowed_user_ids: [],
        ttl: '1h',
        max_ttl: '1h',
        no_store: true,
        generate_lease: false,
      },
    },
    policy: {
      name: 'cert-manager-cluster-1',
      rules: {
        'istioca-cluster-1/sign/cluster-1': {
          capabilities: ['update'],
          parameters: ['csr', 'common_name', 'alt_names', 'ip_sans', 'uri_sans', 'ttl', 'exclude_cn_from_sans'],
        },
      },
    },
    auth: {
      method: 'jwt',
      mount: 'jwt-cluster-1',
      role: 'cert-manager',
      path: 'auth/jwt-cluster-1/role/cert-manager',
      serviceAccount: { name: 'vault-issuer', namespace: 'istio-system' },
      audience: 'vault://istio-system/vault-issuer',
      issuer: undefined,
      discoveryUrl: undefined,
      fields: {
        token_policies: ['cert-manager-cluster-1'],
        token_ttl: '10m',
        token_max_ttl: '10m',
        token_type: 'batch',
        token_no_default_policy: true,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: [],
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: ['vault://istio-system/vault-issuer'],
        bound_subject: 'system:serviceaccount:istio-system:vault-issuer',
        bound_claims_type: 'string',
        claim_mappings: {},
        groups_claim: '',
        user_claim_json_pointer: false,
        expiration_leeway: 0,
        not_before_leeway: 0,
        clock_skew_leeway: 0,
        verbose_oidc_logging: false,
      },
    },
    issuer: { kind: 'Issuer', name: 'vault-issuer', namespace: 'istio-system', audience: 'vault://istio-system/vault-issuer' },
    certManager: { namespace: 'cert-manager', serviceAccount: 'cert-manager', version: 'v1.21.2', size: undefined },
    load: { signRate: 34, measured: true },
    monitoring: undefined,
    istio: {
      version: '1.22',
      namespace: 'istio-system',
      revision: 'default',
      target: {
        name: 'tsb',
        part: 'our overlay out of the ControlPlane',
        file: 'control-plane.partial.yaml',
        todo: 'merge control-plane.partial.yaml, as README.md says, section 5',
        waits: true,
      },
      trustDomainAliases: [],
      ztunnel: { namespace: 'istio-system', serviceAccount: 'ztunnel' },
      ambient: false,
      deployment: 'istiod',
      isCanary: false,
      dnsName: 'istiod.istio-system.svc',
      suffix: '',
      controlPlane: 'controlplane',
      istioOperator: 'tsb-istiocontrolplane',
      sailIstio: { name: 'default' },
      overlay: 'wellKnown',
    },
    istiods: [{ istio: plan().istio, values: {}, overlays: [] }],
    requestPolicies: [],
    network: undefined,
    tsb: undefined,
    warnings: [],
  });
});

describe('the way in is decided whole', () => {
  const place = { istio: { namespace: 'mesh' }, certManager: { issuer: 'vault' }, policy: { name: 'sign' } };

  test('jwt: the service account lies beside the Issuer, and the audience names the Issuer', () => {
    const jwt = { mount: 'oidc/east', issuer: 'https://east', discoveryUrl: 'https://keys/east', serviceAccount: 'login', tokenTtl: '5m' };
    expect(plan({ ...place, jwt }).auth).toStrictEqual({
      method: 'jwt',
      mount: 'oidc/east',
      role: 'cert-manager',
      path: 'auth/oidc/east/role/cert-manager',
      serviceAccount: { name: 'login', namespace: 'mesh' },
      audience: 'vault://mesh/vault',
      issuer: 'https://east',
      discoveryUrl: 'https://keys/east',
      fields: {
        token_policies: ['sign'],
        token_ttl: '5m',
        token_max_ttl: '5m',
        token_type: 'batch',
        token_no_default_policy: true,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: [],
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: ['vault://mesh/vault'],
        bound_subject: 'system:serviceaccount:mesh:login',
        bound_claims_type: 'string',
        claim_mappings: {},
        groups_claim: '',
        user_claim_json_pointer: false,
        expiration_leeway: 0,
        not_before_leeway: 0,
        clock_skew_leeway: 0,
        verbose_oidc_logging: false,
      },
    });
  });

  test('kubernetes: every name is after the cluster, and Vault runs in it', () => {
    expect(plan({ auth: 'kubernetes' }).auth).toStrictEqual({
      method: 'kubernetes',
      mount: 'kubernetes-cluster-1',
      role: 'cert-manager',
      path: 'auth/kubernetes-cluster-1/role/cert-manager',
      serviceAccount: { name: 'vault-issuer', namespace: 'istio-system' },
      audience: 'vault://istio-system/vault-issuer',
      host: undefined,
      reviewerTtl: '8760h',
      reviewer: { name: 'vault-issuer-reviewer', namespace: 'istio-system' },
      fields: {
        token_policies: ['cert-manager-cluster-1'],
        token_ttl: '10m',
        token_max_ttl: '10m',
        token_type: 'batch',
        token_no_default_policy: true,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: [],
        bound_service_account_names: ['vault-issuer'],
        bound_service_account_namespaces: ['istio-system'],
        alias_name_source: 'serviceaccount_uid',
        audience: 'vault://istio-system/vault-issuer',
      },
    });
  });

  test('kubernetes: a Vault outside has a reviewer, named after the service account', () => {
    const kubernetes = { mount: 'k8s', host: 'https://10.0.0.1:6443', reviewerTtl: '720h', serviceAccount: 'login', tokenTtl: '5m' };
    expect(plan({ ...place, auth: 'kubernetes', kubernetes }).auth).toStrictEqual({
      method: 'kubernetes',
      mount: 'k8s',
      role: 'cert-manager',
      path: 'auth/k8s/role/cert-manager',
      serviceAccount: { name: 'login', namespace: 'mesh' },
      audience: 'vault://mesh/vault',
      host: 'https://10.0.0.1:6443',
      reviewerTtl: '720h',
      reviewer: { name: 'login-reviewer', namespace: 'mesh' },
      fields: {
        token_policies: ['sign'],
        token_ttl: '5m',
        token_max_ttl: '5m',
        token_type: 'batch',
        token_no_default_policy: true,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: [],
        bound_service_account_names: ['login'],
        bound_service_account_namespaces: ['mesh'],
        alias_name_source: 'serviceaccount_uid',
        audience: 'vault://mesh/vault',
      },
    });
  });

  test('appRole: every name is after the cluster, and the script delivers the secret ID', () => {
    expect(plan({ auth: 'appRole' }).auth).toStrictEqual({
      method: 'appRole',
      mount: 'approle',
      role: 'cert-manager-cluster-1',
      roleId: 'cluster-1.cert-manager-cluster-1',
      path: 'auth/approle/role/cert-manager-cluster-1',
      fields: {
        token_policies: ['cert-manager-cluster-1'],
        token_ttl: '1h',
        token_max_ttl: '4h',
        token_type: 'batch',
        token_no_default_policy: true,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: [],
        secret_id_ttl: '8760h',
        secret_id_num_uses: 0,
        secret_id_bound_cidrs: [],
        bind_secret_id: true,
      },
      secret: {
        delivery: 'script',
        name: 'cert-manager-vault-approle',
        namespace: 'istio-system',
        key: 'secretId',
        variable: 'MESH_CA_SECRET_ID_CLUSTER_1',
      },
    });
  });

  test('appRole: everything can be chosen; a token that is no batch token has Vault’s default policy, which it is revoked by', () => {
    const appRole = {
      mount: 'teams/mesh',
      name: 'login',
      roleId: 'id',
      tokenTtl: '2h',
      tokenMaxTtl: '3h',
      tokenType: 'service',
      secretIdTtl: '720h',
      secretIdBoundCidrs: ['10.0.0.0/8', 'fd00::/8'],
      tokenBoundCidrs: ['10.1.0.0/16'],
    } as const;
    expect(plan({ ...place, auth: 'appRole', appRole, secret: { delivery: 'manifest', name: 's', key: 'k' } }).auth).toStrictEqual({
      method: 'appRole',
      mount: 'teams/mesh',
      role: 'login',
      roleId: 'id',
      path: 'auth/teams/mesh/role/login',
      fields: {
        token_policies: ['sign'],
        token_ttl: '2h',
        token_max_ttl: '3h',
        token_type: 'service',
        token_no_default_policy: false,
        token_explicit_max_ttl: '0',
        token_period: '0',
        token_num_uses: 0,
        token_bound_cidrs: ['10.1.0.0/16'],
        secret_id_ttl: '720h',
        secret_id_num_uses: 0,
        secret_id_bound_cidrs: ['10.0.0.0/8', 'fd00::/8'],
        bind_secret_id: true,
      },
      secret: { delivery: 'manifest', name: 's', namespace: 'mesh', key: 'k', variable: 'MESH_CA_SECRET_ID_CLUSTER_1' },
    });
  });

  test('each cluster may have its own', () => {
    const { clusters } = planMeshCa({
      ...base,
      auth: 'kubernetes',
      clusters: [{ name: 'a' }, { name: 'b', auth: 'jwt' }, { name: 'c', auth: 'appRole' }, { name: 'd', auth: 'appRole' }],
    });
    expect(clusters.map(({ auth }) => [auth.method, auth.mount])).toStrictEqual([
      ['kubernetes', 'kubernetes-a'],
      ['jwt', 'jwt-b'],
      ['appRole', 'approle'],
      ['appRole', 'approle'],
    ]);
  });

  test.each<[auth: ClusterConfig['auth'], version: string]>([
    ['jwt', 'v1.12.0'],
    ['kubernetes', 'v1.12.0'],
    ['appRole', 'v1.11.5'],
  ])('%s works with cert-manager %s', (auth, version) => {
    expect(plan({ auth, certManager: { version } }).certManager.version).toBe(version);
  });
});

test('the role follows the trust domain, the names, the lifetimes and the keys', () => {
  const { role } = plan({
    trustDomain: 'mesh.example.com',
    certificates: { workloadTtl: '2h', istiodTtl: '24h', keyType: 'ec' },
    istio: { namespace: 'mesh', revision: 'canary' },
    istioCsr: { namespace: 'agents' },
  });
  expect(role.fields).toMatchObject({
    allowed_domains: ['istiod.mesh.svc', 'istiod-canary.mesh.svc', 'cert-manager-istio-csr.agents.svc'],
    allowed_uri_sans: ['spiffe://mesh.example.com/ns/*/sa/*'],
    key_type: 'ec',
    key_bits: 256,
    ttl: '24h',
    max_ttl: '24h',
  });
});

test('an EC key signs, and does nothing else', () => {
  expect(plan({ certificates: { keyType: 'ec' } }).role.fields.key_usage).toEqual(['DigitalSignature']);
});

test('the values of istio-csr follow the same decisions', () => {
  const { istioCsr } = plan({ trustDomain: 'mesh.example.com', clusterId: 'c1', istio: { namespace: 'mesh' } });
  expect(istioCsr.values).toMatchObject({
    'app.tls.trustDomain': 'mesh.example.com',
    'app.server.clusterID': 'c1',
    'app.certmanager.namespace': 'mesh',
    'app.certmanager.issuer.name': 'vault-issuer',
    'app.tls.rootCAFile': '/var/run/secrets/istio-csr/ca.cert.pem',
    'app.controller.disableKubernetesClientRateLimiter': true,
  });
  expect(istioCsr.caAddress).toBe('cert-manager-istio-csr.cert-manager.svc:443');
});

test('the unsafe role signs what the guide signs', () => {
  const { role } = plan({ role: { hosts: 'anyService', spiffeIds: 'anyPath', maxTtl: '720h', storeCertificates: true } });
  expect(role.exact).toBe(false);
  expect(role.fields).toMatchObject({
    allowed_domains: ['svc'],
    allow_bare_domains: false,
    allow_subdomains: true,
    allow_wildcard_certificates: true,
    allow_localhost: true,
    allow_ip_sans: true,
    allowed_uri_sans: ['spiffe://cluster.local/*'],
    ttl: '0',
    max_ttl: '720h',
    no_store: false,
  });
});

test('what is said for all of a way in that some clusters have is for those', () => {
  const { clusters } = planMeshCa({
    ...base,
    appRole: { tokenTtl: '2h' },
    clusters: [{ name: 'one', auth: 'appRole' }, { name: 'two' }],
  });
  expect(clusters.map(({ auth }) => [auth.method, auth.fields.token_ttl])).toStrictEqual([
    ['appRole', '2h'],
    ['jwt', '10m'],
  ]);
});

test("a cluster's own setting wins over the shared one, key by key", () => {
  const { clusters } = planMeshCa({
    ...base,
    auth: 'appRole',
    appRole: { mount: 'mesh', tokenTtl: '2h' },
    clusters: [{ name: 'one', appRole: { tokenTtl: '3h' } }, { name: 'two' }],
  });
  expect(clusters.map(({ auth }) => [auth.mount, auth.fields.token_ttl])).toStrictEqual([
    ['mesh', '3h'],
    ['mesh', '2h'],
  ]);
});

test.each([
  ['1.15', 'append'],
  ['1.16', 'wellKnown'],
  ['1.9.3', 'append'],
  ['1.31', 'wellKnown'],
])('Istio %s gets its certificate by %s', (istioVersion, overlay) => {
  const old = istioVersion === '1.31' ? {} : { istioCsr: { chartVersion: 'v0.17.0' } };
  expect(plan({ istioVersion, ...old }).istio.overlay).toBe(overlay);
});

test.each([
  ['1.6.0', '1.15.2'],
  ['v1.7.2', '1.17.8'],
  ['1.12.0', '1.22.6'],
])('TSB %s ships Istio %s', (tsbVersion, version) => {
  expect(planMeshCa({ ...withCluster({ tsbVersion }), istioVersion: undefined }).clusters[0]?.istio.version).toBe(version);
});

test('values of ours that a chart does not know yet are left out where it does the same without', () => {
  const { values } = plan({
    istioVersion: '1.14',
    istioCsr: { chartVersion: 'v0.5.0', disableKubernetesClientRateLimiter: false },
  }).istioCsr;
  expect(values).not.toHaveProperty(['app.controller.disableKubernetesClientRateLimiter']);
});

test('the plan cannot be changed', () => {
  const { root } = planMeshCa(base);
  expect(() => Object.assign(root, { mount: 'other' })).toThrow('read only');
});

describe('each unsafe choice is warned of, where it was written', () => {
  test.each<[key: string, cluster: Partial<ClusterConfig>]>([
    ['intermediate.key', { intermediate: { key: 'exported' } }],
    ['intermediate.maxPathLength', { intermediate: { maxPathLength: -1 } }],
    ['certificates.workloadTtl', { certificates: { workloadTtl: '25h' } }],
    ['certificates.istiodTtl', { certificates: { istiodTtl: '8760h' } }],
    ['certificates.servingTtl', { certificates: { servingTtl: '86401s' } }],
    ['role.hosts', { role: { hosts: 'anyService' } }],
    ['role.spiffeIds', { role: { spiffeIds: 'anyPath' } }],
    ['role.maxTtl', { role: { maxTtl: '2h' } }],
    ['role.storeCertificates', { role: { storeCertificates: true } }],
    ['appRole.tokenType', { auth: 'appRole', appRole: { tokenType: 'default' } }],
    ['appRole.tokenType', { auth: 'appRole', appRole: { tokenType: 'service' } }],
    ['appRole.secretIdTtl', { auth: 'appRole', appRole: { secretIdTtl: '0' } }],
    ['secret.delivery', { auth: 'appRole', secret: { delivery: 'manifest' } }],
    ['istioCsr.rootFile', { istioCsr: { rootFile: 'intermediate' } }],
    ['istioCsr.disableKubernetesClientRateLimiter', { istioCsr: { disableKubernetesClientRateLimiter: false } }],
    ['istio.overlay', { istio: { overlay: 'guide' } }],
    ['istio.values.pilot.extraContainerArgs', { istio: { values: { pilot: { extraContainerArgs: ['--own'] } } } }],
  ])('%s', (key, cluster) => {
    const own = planMeshCa(withCluster(cluster)).clusters[0]?.warnings ?? [];
    const shared = planMeshCa({ ...base, ...cluster }).clusters[0]?.warnings ?? [];
    expect(own.map(warning => [warning.key, warning.path.join('.')])).toStrictEqual([[key, `clusters.0.${key}`]]);
    expect(shared.map(warning => [warning.key, warning.path.join('.')])).toStrictEqual([[key, key]]);
  });

  test.each<[what: string, cluster: Partial<ClusterConfig>]>([
    ['a maxTtl that is what the mesh asks for', { role: { maxTtl: '60m' } }],
    ['certificates of a day', { certificates: { workloadTtl: '24h', istiodTtl: '1440m', servingTtl: '86400s' } }],
    ['the safe words', { intermediate: { key: 'internal', maxPathLength: 0 }, role: { hosts: 'exact' } }],
    ['the safe words of an AppRole', { auth: 'appRole', appRole: { tokenType: 'batch' }, secret: { delivery: 'script' } }],
    ['an argument by Helm', { target: 'helm', istio: { values: { pilot: { extraContainerArgs: ['--own'] } } } }],
    ['no argument', { istio: { values: { pilot: { extraContainerArgs: [] } } } }],
    ['another way in', { auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } }],
  ])('but not of %s', (_what, cluster) => {
    expect(plan(cluster).warnings).toStrictEqual([]);
  });
});

describe('a root whose key is in Vault by our doing', () => {
  const warned = (root?: MeshCaConfig['root']) => planMeshCa({ ...base, root }).warnings.map(({ key, path }) => [key, path.join('.')]);
  test.each<[what: string, root: MeshCaConfig['root']]>([
    ['the default', undefined],
    ['import', { source: 'import' }],
    ['generate', { source: 'generate' }],
  ])('%s is warned of, with what to write instead', (_, root) => {
    expect(warned(root)).toStrictEqual([['root.source', 'root.source']]);
    expect(planMeshCa({ ...base, root }).warnings[0]?.message).toContain('write "offline" with a policy CA in policyCas');
  });

  test('an offline root, and one that Vault has already, are not', () => {
    expect(warned({ source: 'offline', certificate: rootPem })).toStrictEqual([]);
    expect(warned({ source: 'existing', certificate: rootPem })).toStrictEqual([]);
  });
});

describe('namespaces that the PKI role signs for', () => {
  test("are those of the config, and istiod's own", () => {
    const { role } = plan({ role: { namespaces: ['shop', 'istio-system', 'shop'] } });
    expect(role.namespaces).toStrictEqual(['istio-system', 'shop']);
    expect(role.fields.allowed_uri_sans).toStrictEqual([
      'spiffe://cluster.local/ns/istio-system/sa/*',
      'spiffe://cluster.local/ns/shop/sa/*',
    ]);
    expect(role.exact).toBe(true);
  });

  test('bound what approver-policy lets through too', () => {
    const [workloads] = plan({ role: { namespaces: ['shop'] }, certManager: { approverPolicy: true } }).requestPolicies;
    expect(workloads?.uris).toStrictEqual(['spiffe://cluster.local/ns/istio-system/sa/*', 'spiffe://cluster.local/ns/shop/sa/*']);
  });

  test('are refused beside spiffeIds: anyPath, and where one is no DNS label', () => {
    expect(problemsOf(withCluster({ role: { namespaces: ['shop'], spiffeIds: 'anyPath' } }))).toStrictEqual([
      [
        'clusters.0.role.namespaces',
        `'namespaces' must not stand beside spiffeIds: anyPath, which signs for every namespace; remove one of them`,
      ],
    ]);
    for (const wrong of ['shop/sa/x', '*', 'sho*', '', 'A', '..']) {
      expect(problemsOf(withCluster({ role: { namespaces: [wrong] } }))).toHaveLength(1);
    }
  });
});

test('a Vault without TLS is warned of, but for one on this machine', () => {
  const keys = (server: string) => planMeshCa({ ...base, vault: { server } }).warnings.map(({ key }) => key);
  const offHost = ['http://vault.example.com:8200', 'http://10.0.0.1', 'http://localhost.example.com:8200', 'http://127.0.0.1.example.com'];
  for (const server of offHost) expect([server, keys(server)]).toStrictEqual([server, ['vault.server', 'root.source']]);
  for (const server of ['http://127.0.0.1:8200', 'http://localhost', 'http://[::1]:8200', 'https://vault.example.com']) {
    expect([server, keys(server)]).toStrictEqual([server, ['root.source']]);
  }
});

describe('fails if', () => {
  const two = (one: Partial<ClusterConfig>, other: Partial<ClusterConfig>): MeshCaConfig => ({
    ...base,
    clusters: [
      { name: 'one', ...one },
      { name: 'two', ...other },
    ],
  });

  test.each<[what: string, config: MeshCaConfig, problems: [path: string, message: string][]]>([
    [
      'no version says which overlay',
      { ...base, istioVersion: undefined },
      [['clusters.0.istioVersion', `'istioVersion' is missing, the overlay depends on it, e.g. istioVersion: "1.22"`]],
    ],
    [
      'the TSB version is not known',
      { ...base, istioVersion: undefined, tsbVersion: '1.5.0' },
      [
        [
          'tsbVersion',
          `'tsbVersion' is known for 1.6.0, 1.6.1, 1.6.2, 1.6.3, 1.7.2, 1.12.0; for another write the Istio version that it ships, e.g. istioVersion: "1.22", got "1.5.0"`,
        ],
      ],
    ],
    [
      'TSB ships another Istio',
      { ...base, tsbVersion: '1.7.2' },
      [['istioVersion', `'istioVersion' must be the one that TSB 1.7.2 ships, e.g. "1.17", got "1.22"`]],
    ],
    [
      'istiod cannot find its certificate by itself',
      withCluster({ istioVersion: '1.15', istio: { overlay: 'wellKnown' } }),
      [['clusters.0.istio.overlay', `'overlay' "wellKnown" needs Istio 1.16 or later, got it with Istio 1.15; write "append"`]],
    ],
    [
      'istio-csr is too old for Istio',
      withCluster({ istioVersion: '1.24', istioCsr: { chartVersion: 'v0.12.0' } }),
      [['clusters.0.istioCsr.chartVersion', `'chartVersion' must be at least v0.13.0 for Istio 1.24, e.g. "v0.17.0", got "v0.12.0"`]],
    ],
    [
      'the chart has no switch for the rate limiter',
      withCluster({ istioCsr: { chartVersion: 'v0.10.0' } }),
      [
        [
          'clusters.0.istioCsr.disableKubernetesClientRateLimiter',
          'chart v0.10.0 of istio-csr has no app.controller.disableKubernetesClientRateLimiter, which v0.11.0 has; it cannot be true, write false or a later chartVersion',
        ],
      ],
    ],
    [
      'the chart has no such value',
      withCluster({ istioCsr: { values: { replicaCont: 2 } } }),
      [['clusters.0.istioCsr.values.replicaCont', 'chart v0.17.0 of istio-csr has no replicaCont, did you mean replicaCount?']],
    ],
    [
      'a value is the plan’s',
      withCluster({ istioCsr: { values: { app: { server: { clusterID: 'x' } } } } }),
      [
        [
          'clusters.0.istioCsr.values.app.server.clusterID',
          `'app.server.clusterID' is decided by the plan, as "cluster-1"; remove it here`,
        ],
      ],
    ],
    [
      'a value replaces a whole branch of the plan’s',
      withCluster({ istioCsr: { values: { app: null } } }),
      [['clusters.0.istioCsr.values.app', `'app.certmanager.namespace' is decided by the plan, as "istio-system"; remove it here`]],
    ],
    [
      'a key size does not fit its type',
      withCluster({ certificates: { keyBits: 256 }, intermediate: { keyType: 'ec', keyBits: 2048 } }),
      [
        ['clusters.0.certificates.keyBits', `'keyBits' must be 2048, 3072 or 4096 for keyType "rsa", e.g. 2048, got 256`],
        ['clusters.0.intermediate.keyBits', `'keyBits' must be 256 or 384 for keyType "ec", e.g. 256, got 2048`],
      ],
    ],
    [
      'a certificate is too short',
      withCluster({ certificates: { istiodTtl: '59m', workloadTtl: '599s', servingTtl: '9m' } }),
      [
        ['clusters.0.certificates.istiodTtl', `'istiodTtl' must be at least "1h", cert-manager refuses a Certificate of less, got "59m"`],
        ['clusters.0.certificates.workloadTtl', expect.stringMatching(/^'workloadTtl' must be at least "10m": .*, got "599s"$/) as string],
        ['clusters.0.certificates.servingTtl', expect.stringMatching(/^'servingTtl' must be at least "10m": .*, got "9m"$/) as string],
        ['clusters.0.role.maxTtl', `'maxTtl' must be at least the longest of certificates, e.g. "1h", got "59m"`],
      ],
    ],
    [
      'the role signs for less than the mesh asks',
      withCluster({ certificates: { workloadTtl: '24h' }, role: { maxTtl: '12h' } }),
      [['clusters.0.role.maxTtl', `'maxTtl' must be at least the longest of certificates, e.g. "24h", got "12h"`]],
    ],
    [
      'the role signs for longer than the intermediate lives',
      withCluster({ certificates: { istiodTtl: '24h' }, role: { maxTtl: '50000h' } }),
      [
        [
          'clusters.0.role.maxTtl',
          'a certificate must end before its issuer, the intermediate, e.g. "24h", got "50000h" below an intermediate of "43800h"',
        ],
      ],
    ],
    [
      'a certificate outlives the intermediate, at the one that does',
      {
        ...withCluster({ certificates: { workloadTtl: '720h', servingTtl: '2h' }, intermediate: { ttl: '48h' } }),
        certificates: { istiodTtl: '49h' },
      },
      [
        [
          'clusters.0.certificates.workloadTtl',
          'a certificate must end before its issuer, the intermediate, e.g. "1h", got "720h" below an intermediate of "48h"',
        ],
        [
          'certificates.istiodTtl',
          'a certificate must end before its issuer, the intermediate, e.g. "1h", got "49h" below an intermediate of "48h"',
        ],
      ],
    ],
    [
      'a certificate outlives the intermediate, and the role does not sign it: its maxTtl is right',
      withCluster({ certificates: { workloadTtl: '50000h' }, role: { maxTtl: '12h' } }),
      [
        [
          'clusters.0.certificates.workloadTtl',
          'a certificate must end before its issuer, the intermediate, e.g. "1h", got "50000h" below an intermediate of "43800h"',
        ],
      ],
    ],
    [
      'the intermediate is shorter than any certificate',
      { ...base, intermediate: { ttl: '30m' } },
      [['intermediate.ttl', `'ttl' must be at least that of the certificates below it, e.g. "24h", got "30m"`]],
    ],
    [
      'the intermediate is shorter than any certificate, whatever is asked for',
      withCluster({ intermediate: { ttl: '59m' }, certificates: { workloadTtl: '48h' }, role: { maxTtl: '72h' } }),
      [['clusters.0.intermediate.ttl', `'ttl' must be at least that of the certificates below it, e.g. "72h", got "59m"`]],
    ],
    [
      'the intermediate is shorter than any certificate, and the role than what is asked for',
      withCluster({ intermediate: { ttl: '59m' }, certificates: { workloadTtl: '48h' }, role: { maxTtl: '30m' } }),
      [
        ['clusters.0.role.maxTtl', `'maxTtl' must be at least the longest of certificates, e.g. "48h", got "30m"`],
        ['clusters.0.intermediate.ttl', `'ttl' must be at least that of the certificates below it, e.g. "48h", got "59m"`],
      ],
    ],
    [
      'the intermediate outlives what the root’s mount issues',
      { ...base, root: { maxLeaseTtl: '1000h' }, intermediate: { ttl: '1001h' } },
      [['intermediate.ttl', `'ttl' must be at most that of its issuer, the root mount's maxLeaseTtl, e.g. "1000h", got "1001h"`]],
    ],
    [
      'the intermediate outlives a root that Vault generates',
      { ...withCluster({ intermediate: { ttl: '1001h' } }), root: { source: 'generate', ttl: '1000h' } },
      [['clusters.0.intermediate.ttl', `'ttl' must be at most that of its issuer, the root, e.g. "1000h", got "1001h"`]],
    ],
    [
      'the root’s mount issues for less than the intermediates live that say nothing',
      {
        ...base,
        root: { maxLeaseTtl: '1000h' },
        clusters: [{ name: 'one' }, { name: 'two' }, { name: 'three', intermediate: { ttl: '1h' } }],
      },
      [
        [
          'root.maxLeaseTtl',
          `'maxLeaseTtl' must be at least that of the intermediates, e.g. "43800h", got "1000h"; or write intermediate: { ttl: "1000h" }`,
        ],
      ],
    ],
    [
      'a generated root, and its mount too, end before the intermediate that says nothing',
      { ...base, root: { source: 'generate', ttl: '1000h', maxLeaseTtl: '2000h' } },
      [
        [
          'root.ttl',
          `'ttl' must be at least that of the intermediates, e.g. "43800h", got "1000h"; or write intermediate: { ttl: "1000h" }`,
        ],
        [
          'root.maxLeaseTtl',
          `'maxLeaseTtl' must be at least that of the intermediates, e.g. "43800h", got "2000h"; or write intermediate: { ttl: "1000h" }`,
        ],
      ],
    ],
    [
      'a generated root ends before the intermediate that says nothing',
      { ...base, root: { source: 'generate', ttl: '1000h', maxLeaseTtl: '60000h' } },
      [
        [
          'root.ttl',
          `'ttl' must be at least that of the intermediates, e.g. "43800h", got "1000h"; or write intermediate: { ttl: "1000h" }`,
        ],
      ],
    ],
    [
      'the mount of a generated root issues for less than both',
      { ...base, root: { source: 'generate', ttl: '50000h', maxLeaseTtl: '1000h' } },
      [
        ['root.ttl', `'ttl' must be at most the mount's maxLeaseTtl, e.g. "1000h", got "50000h"`],
        [
          'root.maxLeaseTtl',
          `'maxLeaseTtl' must be at least that of the intermediates, e.g. "43800h", got "1000h"; or write intermediate: { ttl: "1000h" }`,
        ],
      ],
    ],
    [
      'the mount of an imported root issues for less, whatever its ttl',
      { ...base, root: { ttl: '1h', maxLeaseTtl: '1000h' } },
      [
        ['root.ttl', `'ttl' is of a root that Vault generates, and this one is imported; remove it, or write source: generate, got "1h"`],
        [
          'root.maxLeaseTtl',
          `'maxLeaseTtl' must be at least that of the intermediates, e.g. "43800h", got "1000h"; or write intermediate: { ttl: "1000h" }`,
        ],
      ],
    ],
    [
      'the root ends before an intermediate that must sign what is as long',
      { ...base, certificates: { servingTtl: '1001h' }, root: { maxLeaseTtl: '1000h' } },
      [['root.maxLeaseTtl', `'maxLeaseTtl' must be at least that of the intermediates, e.g. "43800h", got "1000h"`]],
    ],
    [
      'a generated root outlives its mount',
      { ...base, root: { source: 'generate', ttl: '90000h' } },
      [['root.ttl', `'ttl' must be at most the mount's maxLeaseTtl, e.g. "87600h", got "90000h"`]],
    ],
    [
      'an imported root is told what a generated one is',
      { ...base, root: { commonName: 'x' } },
      [
        [
          'root.commonName',
          `'commonName' is of a root that Vault generates, and this one is imported; remove it, or write source: generate, got "x"`,
        ],
      ],
    ],
    [
      'a token outlives its own bound',
      withCluster({ auth: 'appRole', appRole: { tokenTtl: '5h' } }),
      [['clusters.0.appRole.tokenTtl', `'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "5h"`]],
    ],
    [
      'the bound of a token is less than what it lives where nothing is said',
      withCluster({ auth: 'appRole', appRole: { tokenMaxTtl: '30m' } }),
      [['clusters.0.appRole.tokenMaxTtl', `'tokenMaxTtl' must be at least tokenTtl, e.g. "1h", got "30m"`]],
    ],
    [
      'there are settings of an AppRole, and the way in is the default',
      { ...withCluster({ appRole: {} }), secret: {} },
      [
        ['clusters.0.appRole', `'appRole' is of auth: appRole, and auth is "jwt"; remove it, or write auth: appRole`],
        ['secret', `'secret' is of auth: appRole, and auth is "jwt"; remove it, or write auth: appRole`],
      ],
    ],
    [
      'there are settings of the default, and the way in is another',
      { ...withCluster({ auth: 'kubernetes' }), jwt: {} },
      [['jwt', `'jwt' is of auth: jwt, and auth is "kubernetes"; remove it, or write auth: jwt`]],
    ],
    [
      'there are settings of both ways with a service account, and the way in is an AppRole',
      { ...withCluster({ jwt: { mount: 'jwt' }, kubernetes: {} }), auth: 'appRole' },
      [
        ['clusters.0.jwt', `'jwt' is of auth: jwt, and auth is "appRole"; remove it, or write auth: jwt`],
        ['clusters.0.kubernetes', `'kubernetes' is of auth: kubernetes, and auth is "appRole"; remove it, or write auth: kubernetes`],
      ],
    ],
    [
      'cert-manager cannot ask for a token of a service account yet',
      { ...two({}, { auth: 'kubernetes' }), certManager: { version: 'v1.11.5' } },
      [
        [
          'certManager.version',
          `'version' must be at least "v1.12.0" for auth: jwt (serviceAccountRef), e.g. "v1.21.2", got "v1.11.5"; or write auth: appRole`,
        ],
        [
          'certManager.version',
          `'version' must be at least "v1.12.0" for auth: kubernetes (serviceAccountRef), e.g. "v1.21.2", got "v1.11.5"; or write auth: appRole`,
        ],
      ],
    ],
    [
      'Vault would fetch the keys without TLS',
      withCluster({ jwt: { discoveryUrl: 'http://keys.example.com/east' } }),
      [
        [
          'clusters.0.jwt.discoveryUrl',
          `'discoveryUrl' must begin with https://, whoever answers there can log in, e.g. "https://keys.example.com/east", got "http://keys.example.com/east"`,
        ],
      ],
    ],
    [
      'the policy is one of Vault’s own',
      withCluster({ policy: { name: 'default' } }),
      [['clusters.0.policy.name', `'name' must not be that of a policy of Vault's own, e.g. "cert-manager-cluster-1", got "default"`]],
    ],
    [
      'two clusters have one name',
      { ...base, clusters: [{ name: 'one' }, { name: 'one' }] },
      [['clusters.1.name', 'each cluster needs its own name, e.g. "one-2", got "one", which "one" has']],
    ],
    [
      'two clusters have one context',
      two({ context: 'x' }, { context: 'x' }),
      [['clusters.1.context', 'each cluster needs its own context, e.g. "two-2", got "x", which "one" has']],
    ],
    [
      'two clusters have one clusterId',
      two({}, { clusterId: 'one' }),
      [['clusters.1.clusterId', 'each cluster needs its own clusterId, e.g. "two-2", got "one", which "one" has']],
    ],
    [
      'two clusters have one policy',
      two({}, { policy: { name: 'cert-manager-one' } }),
      [['clusters.1.policy.name', 'each cluster needs its own policy, e.g. "two-2", got "cert-manager-one", which "one" has']],
    ],
    [
      'two clusters have one role ID',
      { ...two({ appRole: { roleId: 'x' } }, { appRole: { roleId: 'x' } }), auth: 'appRole' },
      [['clusters.1.appRole.roleId', 'each cluster needs its own roleId, e.g. "two-2", got "approle/x", which "one" has']],
    ],
    [
      'two clusters have one AppRole',
      { ...two({}, { appRole: { name: 'cert-manager-one' } }), auth: 'appRole' },
      [
        [
          'clusters.1.appRole.name',
          'each cluster needs its own AppRole, e.g. "two-2", got "auth/approle/role/cert-manager-one", which "one" has',
        ],
      ],
    ],
    [
      'two clusters have one mount for their tokens, by their own keys',
      two({}, { jwt: { mount: 'jwt-one' } }),
      [['clusters.1.jwt.mount', 'each cluster needs its own mount, e.g. "jwt-two", got "jwt-one", and "one" has "jwt-one"']],
    ],
    [
      'two clusters have one mount for their tokens, by their own API servers',
      {
        ...two({ kubernetes: { host: 'https://a.example.com' } }, { kubernetes: { host: 'https://b.example.com' } }),
        auth: 'kubernetes',
        kubernetes: { mount: 'kubernetes' },
      },
      [['kubernetes.mount', 'each cluster needs its own mount, e.g. "kubernetes-two", got "kubernetes", and "one" has "kubernetes"']],
    ],
    [
      'a mount for logins is that of another method, or lies below one',
      two({ auth: 'appRole' }, { jwt: { mount: 'approle/two' } }),
      [['clusters.1.jwt.mount', 'each cluster needs its own mount, e.g. "jwt-two", got "approle/two", and "one" has "approle"']],
    ],
    [
      'two clusters ask one API server who logs in',
      {
        ...two({ kubernetes: { host: 'https://a.example.com' } }, { kubernetes: { host: 'https://a.example.com' } }),
        auth: 'kubernetes',
      },
      [
        [
          'clusters.1.kubernetes.host',
          'each cluster needs its own host, that of its API server, e.g. "https://192.0.2.1:6443", got "https://a.example.com", which "one" has',
        ],
      ],
    ],
    [
      'Vault would run in two clusters',
      { ...two({}, {}), auth: 'kubernetes' },
      [
        [
          'clusters.1.kubernetes.host',
          `'host' is missing: Vault runs in one cluster, and that is "one"; write the API server's address as Vault reaches it, e.g. "https://192.0.2.1:6443"`,
        ],
      ],
    ],
    [
      'two clusters publish their keys at one address',
      two({ jwt: { discoveryUrl: 'https://a.example.com' } }, { jwt: { discoveryUrl: 'https://a.example.com' } }),
      [
        [
          'clusters.1.jwt.discoveryUrl',
          'each cluster needs its own discoveryUrl, that of its API server, got "https://a.example.com", which "one" has',
        ],
      ],
    ],
    [
      'Vault would send the token of its reviewer without TLS, for too short a time',
      withCluster({ auth: 'kubernetes', kubernetes: { host: 'http://a.example.com', reviewerTtl: '5m' } }),
      [
        [
          'clusters.0.kubernetes.host',
          `'host' must begin with https://, whoever answers there can log in, e.g. "https://a.example.com", got "http://a.example.com"`,
        ],
        ['clusters.0.kubernetes.reviewerTtl', `'reviewerTtl' must be at least "10m", the API server refuses less, e.g. "8760h", got "5m"`],
      ],
    ],
    [
      'a Vault in the cluster is told of a reviewer',
      withCluster({ auth: 'kubernetes', kubernetes: { reviewerTtl: '720h' } }),
      [
        [
          'clusters.0.kubernetes.reviewerTtl',
          `'reviewerTtl' is of a Vault outside the cluster; remove it, or write the API server's address as host`,
        ],
      ],
    ],
    [
      'two clusters have one mount',
      { ...two({}, {}), intermediate: { mount: 'istioca' } },
      [['intermediate.mount', 'each cluster needs its own mount, e.g. "two-2", got "istioca", which "one" has']],
    ],
    [
      'a mount lies below another',
      two({ intermediate: { mount: 'a' } }, { intermediate: { mount: 'a/b' } }),
      [['clusters.1.intermediate.mount', `'mount' must not lie below another mount, e.g. "istioca", got "a/b" below "a"`]],
    ],
    [
      'a mount is the root’s',
      withCluster({ intermediate: { mount: 'pki/x' } }),
      [['clusters.0.intermediate.mount', `'mount' must not be the root's, e.g. "istioca-cluster-1", got "pki/x"`]],
    ],
    [
      'a cluster is called like a folder of dist/',
      { ...base, clusters: [{ name: 'root' }] },
      [['clusters.0.name', `'name' must not be "root", dist/ has a folder of that name, e.g. "cluster-1"`]],
    ],
  ])('%s', (_what, config, problems) => {
    expect(problemsOf(config)).toStrictEqual(problems);
  });

  test('the intermediate outlives the root certificate', () => {
    const config = withCluster({ intermediate: { ttl: '43800h' } });
    expect(problemsOf(config, { rootSeconds: 43_799 * 3600 })).toStrictEqual([
      ['clusters.0.intermediate.ttl', `'ttl' must end before the root certificate does, e.g. "43799h", got "43800h"`],
    ]);
    expect(problemsOf(config, { rootSeconds: 43_800 * 3600 })).toStrictEqual([]);
  });

  test('the root certificate ends before the intermediate that says nothing', () => {
    expect(problemsOf(base, { rootSeconds: 43_799 * 3600 })).toStrictEqual([
      [
        'root.certificate',
        `'certificate' must end after the intermediates, which live "43800h", got one that lives "43799h"; or write intermediate: { ttl: "43799h" }`,
      ],
    ]);
    expect(problemsOf(base, { rootSeconds: 43_800 * 3600 })).toStrictEqual([]);
    expect(problemsOf(base, { rootSeconds: 60 })).toStrictEqual([
      ['root.certificate', `'certificate' must end after the intermediates, which live "43800h", got one that lives "60s"`],
    ]);
  });
});

describe('a config in TypeScript', () => {
  const server = 'https://vault.example.com:8200';
  const given = (config: unknown) => config as MeshCaConfig;

  test('may leave a key out by undefined', () => {
    const config = given({
      ...base,
      root: undefined,
      vault: { server, caBundle: undefined },
      clusters: [{ name: 'cluster-1', istio: { overlay: undefined }, istioCsr: { values: { app: undefined } } }],
    });
    expect(planMeshCa(config)).toStrictEqual(planMeshCa(base));
  });

  test('has no gaps in its lists, as JSON has none', () => {
    const { istioCsr } = planMeshCa({ ...base, istioCsr: { values: { tolerations: [undefined, 1] } } }).clusters[0]!;
    expect(istioCsr.extraValues).toStrictEqual({ tolerations: [null, 1] });
  });

  test('holds PEM as text, of which the certificates are taken over, whenever they end', () => {
    const { root, vault } = planMeshCa({
      ...base,
      vault: { server, caBundle: intermediatePem },
      root: { certificate: `a remark\n${rootPem}` },
    });
    expect([root.certificate, vault.caBundle]).toStrictEqual([rootPem, intermediatePem]);
  });

  test('is checked once: what loadConfig has checked is taken as it stands', () => {
    const config = { ...base, trustDomain: 'A' };
    expect(planMeshCa(config, {}).clusters[0]?.trustDomain).toBe('A');
    expect(problemsOf(config).map(([at]) => at)).toStrictEqual(['trustDomain']);
  });

  test('stays as it was', () => {
    const config = { ...base, istioCsr: { values: { replicaCount: 2 } } };
    planMeshCa(config);
    expect(Object.isFrozen(config.istioCsr.values)).toBe(false);
  });

  const loop: Record<string, unknown> = {};
  loop.podAnnotations = loop;

  test.each<[what: string, config: unknown, problems: [path: string, message: string][]]>([
    [
      'a key is not known, a type is wrong, text is hostile, and the plan has more to say',
      {
        ...base,
        trustDomain: 'a;$(b)',
        istoVersion: 1,
        clusters: [{ name: 'cluster-1', certificates: { keyBits: '2048', istiodTtl: '59m' }, role: { storeCertificates: 'no' } }],
      },
      [
        ['istoVersion', 'unknown key "istoVersion" in the config, did you mean "istioVersion"?'],
        ['trustDomain', `'trustDomain' must be a trust domain in lower case, e.g. "cluster.local", got "a;$(b)"`],
        ['clusters.0.certificates.keyBits', `'keyBits' must be 256, 384, 2048, 3072, 4096, got "2048"`],
        ['clusters.0.role.storeCertificates', `'storeCertificates' must be true or false, got "no"`],
        ['clusters.0.certificates.istiodTtl', `'istiodTtl' must be at least "1h", cert-manager refuses a Certificate of less, got "59m"`],
      ],
    ],
    ['there is none', undefined, [['', expect.stringMatching(/^the config must be an object, e\.g\. .*, got nothing$/) as string]]],
    [
      'a required key is undefined',
      { ...base, vault: undefined },
      [['vault', `'vault' is missing in the config, add e.g. vault: { server: "https://vault.example.com:8200" }`]],
    ],
    [
      'a list has a gap',
      { ...base, clusters: [undefined] },
      [['clusters.0', 'item 1 must be an object, e.g. { name: "cluster-1" }, got nothing']],
    ],
    [
      'it holds what is no data',
      {
        ...base,
        trustDomain: () => 'x',
        certificates: new Map(),
        istioCsr: { values: { podAnnotations: { a: NaN, b: Symbol('b'), c: [1n], d: new Date(0), loop } } },
      },
      [
        ['trustDomain', `'trustDomain' must be plain data, e.g. "text", 1, true, [] or {}, got a function`],
        ['certificates', `'certificates' must be plain data, e.g. "text", 1, true, [] or {}, got a Map`],
        ...[
          ['a', `'a'`, 'NaN'],
          ['b', `'b'`, 'a symbol'],
          ['c.0', 'item 1', 'a bigint'],
          ['d', `'d'`, 'a Date'],
          ['loop.podAnnotations', `'podAnnotations'`, 'one that holds itself'],
        ].map(([key, named, got]): [string, string] => [
          `istioCsr.values.podAnnotations.${key}`,
          `${named} must be plain data, e.g. "text", 1, true, [] or {}, got ${got}`,
        ]),
      ],
    ],
    [
      'a key is __proto__',
      { ...base, istioCsr: { values: JSON.parse('{ "podAnnotations": { "__proto__": { "a": 1 } } }') as unknown } },
      [['istioCsr.values.podAnnotations', 'a key cannot be "__proto__"']],
    ],
    [
      'PEM is the path of a file',
      { ...base, root: { certificate: 'root.pem' }, vault: { server, caBundle: './ca.pem' } },
      [
        ['vault.caBundle', `'caBundle' must be PEM text in TypeScript, e.g. readFileSync("root.pem", "utf8"), got "./ca.pem"`],
        ['root.certificate', `'certificate' must be PEM text in TypeScript, e.g. readFileSync("root.pem", "utf8"), got "root.pem"`],
      ],
    ],
    [
      'a private key lies beside a certificate',
      { ...base, root: { certificate: rootPem + keyPem } },
      [['root.certificate', `'certificate' holds a private key, which must not be near a config; write certificates only, PEM block 2`]],
    ],
    [
      'a certificate is of no CA, and the root is none',
      { ...base, root: { certificate: intermediatePem }, vault: { server, caBundle: leafPem } },
      [
        ['vault.caBundle', `'caBundle' must be a CA certificate (basic constraints CA:TRUE), got one that cannot sign`],
        ['root.certificate', `'certificate' must be a root certificate, i.e. self-signed, got an intermediate`],
      ],
    ],
    [
      'a key of Helm values is hostile to a terminal',
      { ...base, istioCsr: { values: { 'replicaCount\u202e': 1 } } },
      [['istioCsr.values.replicaCount\u202e', 'chart v0.17.0 of istio-csr has no replicaCount\\u{202e}, did you mean replicaCount?']],
    ],
    [
      'a shared setting is wrong, which two clusters have',
      { ...base, auth: 'appRole', appRole: { tokenTtl: '9h' }, clusters: [{ name: 'one' }, { name: 'two' }] },
      [['appRole.tokenTtl', `'tokenTtl' must be at most tokenMaxTtl, e.g. "4h", got "9h"`]],
    ],
  ])('fails if %s', (_what, config, problems) => {
    expect(problemsOf(given(config))).toStrictEqual(problems);
  });

  test('fails with a text that names each place', () => {
    expect(() => planMeshCa(given({ ...base, clusters: [{ name: 'A' }] }))).toThrow(
      new ConfigError([
        {
          path: ['clusters', 0, 'name'],
          message: `'name' must be a DNS label: lower case letters, digits and "-", at most 63, e.g. "cluster-1", got "A"`,
        },
      ]),
    );
  });
});
