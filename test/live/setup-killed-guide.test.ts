import { killCluster, startForKills } from './killed';

// a file of its own, so that jest runs it beside the other one.
startForKills();
test("the guide's cluster script ends the same, killed after each of its writes and run again", () => killCluster('guide'));
