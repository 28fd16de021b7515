import { Testing } from 'cdk8s';
import { SampleWorkload } from '../../src/constructs/sample-workload';

test('minimal', () => {
  const chart = Testing.chart();
  new SampleWorkload(chart, 'workload');

  expect(Testing.synth(chart)).toStrictEqual([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'foo', labels: { 'istio-injection': 'enabled' } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sleep', namespace: 'foo' } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'sleep', namespace: 'foo' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'sleep' } },
        template: {
          metadata: { labels: { app: 'sleep' } },
          spec: {
            serviceAccountName: 'sleep',
            terminationGracePeriodSeconds: 0,
            containers: [{ name: 'sleep', image: 'curlimages/curl:8.10.1', command: ['sleep', '365d'] }],
          },
        },
      },
    },
  ]);
});

test('a revision has a label of its own', () => {
  const chart = Testing.chart();
  new SampleWorkload(chart, 'workload', { namespace: 'bar', revision: 'v1-22', image: 'busybox:1.36' });

  expect(Testing.synth(chart)).toMatchObject([
    { metadata: { name: 'bar', labels: { 'istio.io/rev': 'v1-22' } } },
    { metadata: { namespace: 'bar' } },
    { metadata: { namespace: 'bar' }, spec: { template: { spec: { containers: [{ image: 'busybox:1.36' }] } } } },
  ]);
});
