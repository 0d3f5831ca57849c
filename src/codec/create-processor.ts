// Makes the processor that an option names: built in, or a module of the user.

import type { ProcessorSpec } from '../model/specs.ts';
import { assembleProcessor } from './assemble-processor.ts';
import { deserializerOf } from './deserializers.ts';
import { moduleProcessor } from './module-processor.ts';
import type { Processor } from './processor.ts';
import { builtInOptions } from './processor-options.ts';

/** Rejects with ERR_INVALID_OPTION for an unknown name or option, with ERR_INVALID_PROCESSOR for a module that does not fit. */
export async function createProcessor(spec: ProcessorSpec): Promise<Processor> {
  if ('module' in spec) return moduleProcessor(spec.module, spec.options);
  const { aggregator, serializer, ...payload } = builtInOptions(spec.name, spec.options);
  return assembleProcessor({
    name: spec.name,
    aggregator,
    payload,
    transform: null,
    deserializer: await deserializerOf(serializer),
  });
}
