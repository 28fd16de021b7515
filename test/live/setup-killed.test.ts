import { startForKills, testKilledCluster, testKilledRoot } from './killed';

startForKills();
testKilledRoot();
testKilledCluster('recommended');
