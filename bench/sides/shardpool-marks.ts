// How main and the handler thread of the shardpool side find each other.

export const PLAN_KEY = 'shardpool-bench-plan';
export const MARKS_CHANNEL = 'shardpool-bench-marks';
