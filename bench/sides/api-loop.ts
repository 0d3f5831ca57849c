// The loop of the SDK side over shardpool's client and codec: what the decoder gains by itself, and what threads cost.

import { createProcessor } from '../../src/codec/create-processor.ts';
import type { SplitSink } from '../../src/codec/processor.ts';
import { CALL_LIMITS } from '../../src/model/call-limits.ts';
import { createKinesisApi } from '../../src/kinesis/sdk-kinesis-api.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import type { Run } from '../figures.ts';
import { type Job, MAX_SOCKETS, RECORD_LIMIT, STREAM } from './job.ts';
import { Meter } from './meter.ts';
import { Stopwatch } from './stopwatch.ts';

export async function runApiLoop({ source, variant, plan }: Job): Promise<Run> {
  const { endpoint, region } = source;
  const credentials = { ...source.credentials, sessionToken: null, expiration: Date.now() + 3600_000 };
  const api = createKinesisApi({
    address: { stream: STREAM, region, endpoint },
    credentials: () => Promise.resolve(credentials),
    maxAttempts: 1,
    maxSockets: MAX_SOCKETS,
    limits: CALL_LIMITS,
  });
  const processor = await createProcessor({ name: variant.processor, options: {} });
  const watch = new Stopwatch();
  const meter = new Meter(plan, (mark) => watch.take(mark));

  const readShard = async (shardId: string) => {
    let sequenceNumber = '';
    const sink: SplitSink = {
      add: (data, partitionKey, _explicitHashKey, subSequenceNumber) =>
        meter.add(processor.deserialize(data), partitionKey, sequenceNumber, subSequenceNumber),
    };
    let iterator: string | null = await api.getShardIterator(shardId, TRIM_HORIZON);
    while (iterator !== null) {
      const page = await api.getRecords(iterator, RECORD_LIMIT);
      for (let i = 0; i < page.count; i += 1) {
        sequenceNumber = page.sequenceNumbers[i]!;
        const data = page.slab.subarray(page.offsets[i], page.offsets[i + 1]);
        processor.split(data, page.partitionKeys[i]!, sink, sequenceNumber);
      }
      meter.lookForMark();
      iterator = page.nextIterator;
    }
  };
  const { shards } = await api.listShards({ type: 'ALL' });
  await Promise.all(shards.map(({ shardId }) => readShard(shardId)));
  api.close();
  return watch.result();
}
