import { killCluster, killRoot, startForKills } from './killed';

startForKills();
test('the root script ends the same, killed after each of its writes and run again', killRoot);
test('the recommended cluster script ends the same, killed after each of its writes and run again', () => killCluster('recommended'));
