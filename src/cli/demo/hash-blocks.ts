// The handler module of the demo, run by the handler threads: reads each block from the disk and hashes it.
//
// The directory and the channel are parameters of the module's URL, since a handler module has no options of its own.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { defineHandler } from '../../handler.ts';
import type { BlockRecord } from './blocks.ts';
import type { HandledBatch, HandledBlock } from './handled.ts';
import { OpenFiles } from './open-files.ts';

const OPEN_FILES = 64;

const { searchParams } = new URL(import.meta.url);
const dir = searchParams.get('dir') ?? '.';
const files = new OpenFiles(OPEN_FILES);
let channel: InstanceType<typeof BroadcastChannel> | null = null;
let thread = 0;

export default defineHandler<BlockRecord>(
  (batch) => {
    const blocks = batch.toArray().map(({ value, partitionKey, sequenceNumber }): HandledBlock => {
      const { path, offset, length } = value;
      return { path, offset, length, key: partitionKey, sequenceNumber, ...hashOf(value) };
    });
    // Before the batch is acked: what main was not told is read again.
    channel?.postMessage({ thread, shardId: batch.shardId, blocks } satisfies HandledBatch);
  },
  {
    setup(context) {
      thread = context.thread;
      channel = new BroadcastChannel(searchParams.get('channel') ?? '');
      // The thread ends with its work, not with its listeners.
      (channel as unknown as { unref(): void }).unref();
    },
    teardown() {
      files.close();
      channel?.close();
    },
  },
);

/** A block that cannot be read is reported and not thrown: no retry would bring the file back. */
function hashOf({ path, offset, length }: BlockRecord): Pick<HandledBlock, 'hash' | 'problem'> {
  try {
    const block = files.read(join(dir, path), offset, length);
    return { hash: createHash('sha256').update(block).digest('hex'), problem: null };
  } catch (error) {
    return { hash: null, problem: (error as Error).message };
  }
}
