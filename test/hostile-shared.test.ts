import { testLeaves } from './hostile';

testLeaves('shared');
