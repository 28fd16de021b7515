import { createServer, type IncomingHttpHeaders } from 'node:http';
import { randomBytes } from 'node:crypto';
import { freePort, type Kube, ok } from '../harness';

/** Plays AWS's Security Token Service: AWS is not to be had here. What it is told is kept, for the test to look at. */
export interface Sts {
  readonly url: string;
  /** What was asked, in order. */
  readonly asked: { readonly action: string; readonly roleArn: string; readonly headers: IncomingHttpHeaders }[];
  stop(): Promise<void>;
}

/** What the API server says of a token: whose it is, if it is for this audience. */
async function reviewed(kube: Kube, token: string, audience: string): Promise<string> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } };
  const answer = ok(await kube.kubectl(['create', '-o', 'json', '-f', '-'], { input: JSON.stringify(review) }));
  const { status } = JSON.parse(answer) as { status: { authenticated?: boolean; user?: { username: string } } };
  return status.authenticated === true ? (status.user?.username ?? '') : '';
}

/**
 * Starts it. As an IAM role's trust policy would, it gives the role to one service account, for a token that the API server vouches for.
 */
export async function startSts(kube: Kube, trust: { readonly roleArn: string; readonly account: string }): Promise<Sts> {
  const asked: Sts['asked'] = [];
  const key = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
  const answer = async (form: URLSearchParams, headers: IncomingHttpHeaders): Promise<string | undefined> => {
    const action = form.get('Action') ?? '';
    const roleArn = form.get('RoleArn') ?? '';
    asked.push({ action, roleArn, headers });
    if (action === 'AssumeRoleWithWebIdentity') {
      const account = await reviewed(kube, form.get('WebIdentityToken') ?? '', 'sts.amazonaws.com');
      if (roleArn !== trust.roleArn || account !== trust.account) return undefined;
      const credentials = `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>`;
      return `<Credentials>${credentials}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`;
    }
    if (action !== 'GetCallerIdentity' || !headers.authorization?.includes(`Credential=${key}/`)) return undefined;
    const [, account = '', name = ''] = /::(\d+):role\/(.*)$/.exec(trust.roleArn) ?? [];
    return `<Arn>arn:aws:sts::${account}:assumed-role/${name}/cert-manager</Arn><UserId>AROAEXAMPLE:cert-manager</UserId><Account>${account}</Account>`;
  };
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (data: string) => (body += data));
    request.on('end', () => {
      const form = new URLSearchParams(body);
      const action = form.get('Action') ?? '';
      answer(form, request.headers).then(
        result => {
          response.writeHead(result === undefined ? 403 : 200, { 'content-type': 'text/xml' });
          response.end(
            result === undefined
              ? '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>'
              : `<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`,
          );
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  });
  const port = await freePort();
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
