import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** An answer of an HTTP API. */
export interface Answer {
  readonly status: number;
  /** What its JSON says, the text where it is none, `undefined` where there was nothing. */
  readonly body: unknown;
}

/** One HTTP request, with a JSON body and a private CA (which `fetch` cannot be given). */
export function send(url: string, method: string, body: unknown, headers: Readonly<Record<string, string>>, ca?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers }, timeout: 30_000, agent: false as const };
    const request = url.startsWith('https:') ? httpsRequest(url, { ...options, ca }) : httpRequest(url, options);
    request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
    request.on('error', reject);
    request.on('response', response => {
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => (text += data));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(text) }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
