// How long shards rest when their instance dies or leaves, joins or is cut off, by where the leases are.

import type { FleetScenario, FleetVariant } from '../fleet/scenario.ts';

const REDIS: FleetVariant = { name: 'redis', title: 'redis' };
const DYNAMODB: FleetVariant = { name: 'dynamodb', title: 'dynamodb' };
const LOCAL: FleetVariant = { name: 'local', title: 'local' };

export const FAILOVER: FleetScenario = {
  name: 'failover',
  title: 'From the end of an instance to the first record of its shards elsewhere',
  variants: [REDIS, DYNAMODB, LOCAL],
  sides: [
    {
      name: 'kill-one',
      title: '`kill -9`, one of 6',
      experiment: { kind: 'kill', instances: 6, kills: 1, rounds: 10, shards: 18 },
    },
    {
      name: 'kill',
      title: '`kill -9`, 4 of 6 within seconds',
      experiment: { kind: 'kill', instances: 6, kills: 4, rounds: 5, shards: 18 },
    },
    { name: 'stop', title: 'SIGTERM', experiment: { kind: 'stop', shards: 8, rounds: 3 } },
  ],
  baseline: 'stop',
  figures: [
    { key: 'min', title: 'shortest, ms' },
    { key: 'median', title: 'median, ms' },
    { key: 'p90', title: '90 %, ms' },
    { key: 'max', title: 'longest, ms' },
    { key: 'kills', title: 'instances' },
    { key: 'again', title: 'records again' },
  ],
};

const FIVE_MINUTES = 300_000;

export const JOINING: FleetScenario = {
  name: 'fleet-balance',
  title: 'Instances join the one that has all 64 shards, and are started again',
  variants: [REDIS, DYNAMODB, LOCAL],
  sides: [
    {
      name: 'at-once',
      title: '7 join at once',
      experiment: { kind: 'join', instances: 8, shards: 64, oneByOne: false, idleMs: FIVE_MINUTES },
    },
    {
      name: 'one-by-one',
      title: '7 join, one after the other',
      experiment: { kind: 'join', instances: 8, shards: 64, oneByOne: true, idleMs: 10_000 },
    },
  ],
  baseline: 'at-once',
  figures: [
    { key: 'ms', title: 'until balanced, ms' },
    { key: 'moves', title: 'moves' },
    { key: 'leastMoves', title: 'least possible' },
    { key: 'idleMoves', title: 'moves while idle' },
  ],
};

export const RESTARTING: FleetScenario = {
  name: 'fleet-restart',
  title: 'A rolling restart of 6 instances with 24 shards',
  variants: [REDIS, DYNAMODB, LOCAL],
  sides: [
    { name: 'restart', title: 'one by one', experiment: { kind: 'restart', instances: 6, shards: 24 } },
  ],
  baseline: 'restart',
  figures: [
    { key: 'moves', title: 'moves' },
    { key: 'mostMoves', title: 'of one shard in one restart' },
    { key: 'mostInRound', title: 'of one shard in the round' },
    { key: 'again', title: 'records again' },
  ],
};

export const STORE_AWAY: FleetScenario = {
  name: 'store-away',
  title: 'The store does not answer for a while; 2 instances, 4 shards',
  variants: [REDIS, DYNAMODB],
  sides: [
    {
      name: '5s',
      title: '5 s',
      experiment: { kind: 'away', instances: 2, shards: 4, awayMs: 5_000 },
    },
    {
      name: '60s',
      title: '60 s',
      experiment: { kind: 'away', instances: 2, shards: 4, awayMs: 60_000 },
    },
  ],
  baseline: '5s',
  figures: [
    { key: 'sessionsLost', title: 'sessions lost' },
    { key: 'lastBatchMs', title: 'last batch after, ms' },
    { key: 'backMs', title: 'all shards read after its return, ms' },
    { key: 'kept', title: 'shards that stayed' },
    { key: 'again', title: 'records again' },
  ],
};

export const FLEET_COST: FleetScenario = {
  name: 'fleet-cost',
  title: 'What reaches the store in a minute from 10 instances with 1 000 idle shards',
  variants: [REDIS, DYNAMODB, LOCAL],
  sides: [
    {
      name: 'idle',
      title: '10 instances, 1 000 shards',
      experiment: { kind: 'cost', instances: 10, shards: 1_000, forMs: 30_000 },
    },
    {
      name: 'few',
      title: '10 instances, 100 shards',
      experiment: { kind: 'cost', instances: 10, shards: 100, forMs: 30_000 },
    },
  ],
  baseline: 'few',
  figures: [
    { key: 'writes', title: 'writes a minute' },
    { key: 'reads', title: 'reads a minute' },
    { key: 'readUnits', title: 'read units a minute' },
  ],
};
