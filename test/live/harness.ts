// What the live tests start and stop: real programs, on 127.0.0.1 and free ports. What a test leaves behind, the watchdog ends.
export { certManagerCrds, goMissing, istioCrds, istiodChart, buildPrograms, type ProgramName, programs } from '../testbed/build';
export * from './harness/certificates';
export * from './harness/controllers';
export * from './harness/http';
export { keptProgram } from './harness/kept';
export * from './harness/kube';
export * from './harness/process';
export * from './harness/vault';
