// The local adapter against the contract of every lease store.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalLeaseStore } from '../../../src/checkpointers/local/local-lease-store.ts';
import { leaseStoreContract } from '../../contract/lease-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'shardpool-local-'));
after(() => rmSync(directory, { recursive: true, force: true }));

leaseStoreContract('local', (scope) => createLocalLeaseStore({ path: directory }, scope), { watch: true });
