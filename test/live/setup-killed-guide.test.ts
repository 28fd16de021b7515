import { startForKills, testKilledCluster } from './killed';

// a file of its own, so that jest runs it beside the other one.
startForKills();
testKilledCluster('guide');
