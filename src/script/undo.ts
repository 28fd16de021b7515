import { Step, Undo } from './step';

/** The steps that take others back, in reverse order, each under the name of the one that it takes back. */
export const undoSteps = (steps: readonly Step[]): Step[] => steps.flatMap(({ id, undo }) => (undo ? [{ id, ...undo }] : [])).reverse();

/** Takes back what is written at a path. */
export function removes(path: string, what: string, why?: readonly string[]): Undo {
  return {
    title: `Remove ${what}`,
    why,
    unless: ['gone', path],
    run: [['remove', path]],
    needs: { look: { [path]: ['read'] }, act: { [path]: ['delete'] } },
  };
}
