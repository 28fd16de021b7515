import { words } from '../script/bash';
import { emergencies, livesOn } from '../script/emergency';
import { plain, shell } from './markdown';
import { ClusterContext } from './parts';

/** What to do at once, where somebody else may use the login, the PKI role or the CA. */
export function emergency({ cluster, at }: ClusterContext): string[] {
  return [
    '## In an emergency',
    '',
    'Each of these closes one thing at once. It says what that does to the mesh, asks for the name of the cluster, and ends with what opens it again; `--plan` only looks. Where somebody else may have the key of the CA, it is the last one.',
    '',
    ...emergencies(cluster).flatMap(({ name, effects, next }) => [
      ...shell(words(['bash', at('emergency.sh'), name])),
      ...effects.map(effect => `- ${plain(effect)}`),
      `- See: ${plain(next)}`,
      '',
    ]),
    'Whichever it is:',
    '',
    ...livesOn(cluster).map(line => `- ${plain(line)}`),
    '',
  ];
}
