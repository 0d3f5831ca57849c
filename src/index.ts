// The public names of shardpool.

export { Consumer } from './consumer.ts';
export { CONSUMER_EVENTS } from './consumer/events.ts';
export type { ConsumerEvents } from './consumer/events.ts';
export {
  type ConsumerHealth,
  HEALTH_PROBLEMS,
  type HealthProblem,
  type HealthProblemName,
} from './consumer/health.ts';
export type { ConsumerStatus, ShardStatus } from './consumer/status.ts';
export { defineHandler } from './handler.ts';
export type {
  Handler,
  HandlerContext,
  HandlerFunction,
  HandlerHooks,
  HandlerShard,
  PartlyFailed,
} from './handler.ts';
export type { TransformInfo, UserProcessor as Processor, UserRecordSink } from './codec/processor.ts';
export { ERROR_CODES, type ErrorCode, ShardpoolError } from './model/errors.ts';
export type * from './model/lease-store.ts';
export { LeaseStoreError } from './model/lease-store.ts';
export type { Logger } from './model/logger.ts';
export type { DecodedPosition } from './model/position.ts';
export type { Batch, StreamRecord } from './model/record.ts';
export type { EndReason, LeaseState, ShardState } from './model/shard.ts';
export type { AwsCredentials, ConsumerOptions } from './options.ts';
