import { testLeaves } from './hostile';

testLeaves('cluster');
