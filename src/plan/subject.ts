import { SubjectConfig } from '../config/config';

/** Fields of a CA's name beside the common name, in Vault's words; what is not said is not there. */
export type SubjectFields = Readonly<Record<string, readonly string[]>>;

/** Vault's word for each field, and OpenSSL's. */
const WORDS: Readonly<Record<keyof SubjectConfig, readonly [vault: string, openssl: string]>> = {
  organization: ['organization', 'organizationName'],
  ou: ['ou', 'organizationalUnitName'],
  country: ['country', 'countryName'],
  locality: ['locality', 'localityName'],
  province: ['province', 'stateOrProvinceName'],
};

/** Decides the fields of a name. A list each: Vault would take a text with a comma for two values. */
export function planSubject(subject: SubjectConfig = {}): SubjectFields {
  const given = Object.entries(WORDS) as [keyof SubjectConfig, readonly [string, string]][];
  return Object.fromEntries(given.flatMap(([key, [word]]) => (subject[key] === undefined ? [] : [[word, [subject[key]]]])));
}

/** The fields as OpenSSL names them, in the order of the alphabet, in one line. */
export function subjectText(fields: SubjectFields): string {
  return Object.values(WORDS)
    .flatMap(([word, name]) => (fields[word] ?? []).map(value => `${name}=${value}`))
    .sort()
    .join(',');
}
