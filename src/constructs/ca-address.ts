import { formats } from '../config/formats';

/** Throws where an address is none that workloads can send their requests to. */
export function needCaAddress(caAddress: string): void {
  const host = new RegExp(formats.host?.pattern ?? '');
  const [name, port] = caAddress.split(/:(?=\d{1,5}$)/);
  if (!host.test(name ?? '') || port === undefined)
    throw new Error(`'caAddress' must be a host and a port, e.g. "cert-manager-istio-csr.cert-manager.svc:443", got "${caAddress}"`);
}
