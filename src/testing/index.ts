// The public names of `shardpool/testing`.

export {
  type LeaseStoreCase,
  leaseStoreCases,
  leaseStoreContract,
  type LeaseStoreContractOptions,
  type MakeLeaseStore,
  type TestRunner,
} from './lease-store-contract/contract.ts';
export type { AwsErrorType } from './simulator/aws-error.ts';
export type { CallCounts, CallFilter } from './simulator/call-counts.ts';
export type { OperationName } from './simulator/operations/index.ts';
export type { Fault } from './simulator/fault-options.ts';
export type { CannedOptions, CreateStreamOptions, SimulatorOptions } from './simulator/options.ts';
export type { PutResult } from './simulator/protocol.ts';
export { type Simulator, type SimulatorRecord, startSimulator } from './simulator/start.ts';
