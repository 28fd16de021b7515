import type { OverlayMode } from './istio';
import { CERTIFICATE_FLAGS, istiodPatches } from './istiod-patches';
import type { LayoutList } from './layout';
import { isRecord } from './settings';

/** Volumes of the chart that istiod's certificate comes by, from Istio 1.16 on. */
const WELL_KNOWN = ['istio-csr-dns-cert', 'istio-csr-ca-configmap'];

/** What our patches of a mode add to a list. */
const ours = (mode: OverlayMode, list: LayoutList) =>
  istiodPatches(mode)
    .filter(({ path }) => new RegExp(`\\b${list}\\[[-0-9]+\\]$`).test(path))
    .map(({ value }) => value);

/** Says what of ours an element of somebody else's would stand against, if any. */
export function clashOf(list: LayoutList, content: unknown, mode: OverlayMode): string | undefined {
  if (list === 'args') {
    const flag = CERTIFICATE_FLAGS.find(one => typeof content === 'string' && (content === one || content.startsWith(`${one}=`)));
    return flag === undefined ? undefined : `'${flag}' is decided by the plan, by 'overlay' "${mode}"`;
  }
  if (!isRecord(content)) return undefined;
  const key = (['name', 'mountPath'] as const).find(one =>
    ours(mode, list).some(own => isRecord(own) && own[one] !== undefined && own[one] === content[one]),
  );
  return key === undefined ? undefined : `${list} gets ${key} ${JSON.stringify(content[key])} from the plan, by 'overlay' "${mode}"`;
}

/** Whether the chart's element is one that istiod's certificate comes by in this mode. */
export const isNeeded = (content: unknown, mode: OverlayMode) =>
  mode === 'wellKnown' && isRecord(content) && WELL_KNOWN.includes(String(content.name));

/** The element of a list that another one cannot stand beside: the API server refuses a second volume of a name, or mount at a path. */
export function doubleOf(list: LayoutList, content: unknown, elements: readonly unknown[]): unknown {
  const key = list === 'volumes' ? 'name' : 'mountPath';
  if (list === 'args' || !isRecord(content)) return undefined;
  return elements.find(one => isRecord(one) && one[key] !== undefined && one[key] === content[key]);
}
