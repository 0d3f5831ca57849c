// Makes the processor that an option names: built in, or a module of the user.

import { ShardpoolError } from '../model/errors.ts';
import { PROCESSORS, type ProcessorName, type ProcessorSpec } from '../model/specs.ts';
import { deserializerOf, SERIALIZERS, type SerializerName } from './deserializers.ts';
import { splitKpl } from './kpl.ts';
import type { Processor } from './processor.ts';
import { moduleProcessor } from './module-processor.ts';

/** Rejects with ERR_INVALID_OPTION for an unknown name or option, with ERR_INVALID_PROCESSOR for a module that does not fit. */
export async function createProcessor(spec: ProcessorSpec): Promise<Processor> {
  return 'module' in spec ? moduleProcessor(spec.module, spec.options) : builtIn(spec.name, spec.options);
}

type Split = Processor['split'];

const splitPlain: Split = (data, partitionKey, sink) => sink.add(data, partitionKey, null, 0, false);

function builtIn(name: ProcessorName, options: Readonly<Record<string, unknown>>): Processor {
  const allowed = name === 'auto' ? ['serializer'] : [];
  for (const option of Object.keys(options)) {
    if (!allowed.includes(option)) throw invalidOption(`The processor '${name}' has no option \`${option}\``);
  }
  const make = (split: Split, serializer: SerializerName): Processor => ({
    name,
    split,
    deserialize: deserializerOf(serializer),
  });
  switch (name) {
    case 'json':
    case 'string':
    case 'bytes':
      return make(splitPlain, name);
    case 'kpl-json':
      return make(splitKpl, 'json');
    case 'auto':
      return make(splitKpl, serializerOption(options['serializer']));
    default:
      name satisfies never;
      throw invalidOption(
        `Expected \`processor\` to be one of ${PROCESSORS.join(', ')} or a module, got '${String(name)}'`,
      );
  }
}

function serializerOption(value: unknown): SerializerName {
  if (value === undefined) return 'bytes';
  const known = SERIALIZERS.find((name) => name === value);
  if (known === undefined) {
    throw invalidOption(
      `Expected \`serializer\` to be one of ${SERIALIZERS.join(', ')}, got ${JSON.stringify(value)}`,
    );
  }
  return known;
}

function invalidOption(message: string): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_OPTION', message);
}
