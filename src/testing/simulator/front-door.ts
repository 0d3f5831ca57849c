// Turns HTTP requests into calls: protocol, credentials, JSON.

import { AwsError, type AwsErrorType } from './aws-error.ts';
import { isObject, type RequestBody } from './fields.ts';
import { errorReply, type Reply } from './reply.ts';

export interface RawRequest {
  readonly method: string;
  readonly target: string | null;
  readonly contentType: string | null;
  readonly authorization: string | null;
  readonly body: Buffer;
}

/** Carries out calls. */
export interface Service {
  /** Throws or rejects with an AwsError. */
  call(operation: string, body: RequestBody): Reply | Promise<Reply>;
  /** Told of a call that was refused at the door. */
  turnedAway(operation: string, error: AwsErrorType): void;
}

const TARGET_PREFIX = 'Kinesis_20131202.';
const CONTENT_TYPE = 'application/x-amz-json-1.1';

export class FrontDoor {
  readonly #service: Service;
  readonly #refusedKeys: ReadonlySet<string>;

  constructor(service: Service, refusedKeys: readonly string[]) {
    this.#service = service;
    this.#refusedKeys = new Set(refusedKeys);
  }

  async answer(request: RawRequest): Promise<Reply> {
    try {
      const operation = operationOf(request);
      return await this.#service.call(operation, this.#admit(operation, request));
    } catch (error) {
      return errorReply(error);
    }
  }

  #admit(operation: string, request: RawRequest): RequestBody {
    try {
      this.#authenticate(request.authorization);
      return parse(request.body);
    } catch (error) {
      if (error instanceof AwsError) this.#service.turnedAway(operation, error.type);
      throw error;
    }
  }

  /** The signature itself is not checked; whose key it was made with is. */
  #authenticate(authorization: string | null): void {
    if (authorization === null) throw new AwsError('MissingAuthenticationTokenException');
    const key = /^AWS4-[A-Z0-9-]+ .*Credential=([^/,\s]+)\//.exec(authorization)?.[1];
    if (key === undefined) {
      throw new AwsError(
        'IncompleteSignatureException',
        "Authorization header requires 'Credential' parameter.",
      );
    }
    if (this.#refusedKeys.has(key)) throw new AwsError('UnrecognizedClientException');
  }
}

function operationOf({ method, target, contentType }: RawRequest): string {
  if (method !== 'POST')
    throw new AwsError('UnknownOperationException', `The simulator takes POST only, got ${method}.`);
  if (contentType === null || contentType.split(';', 1)[0]?.trim() !== CONTENT_TYPE) {
    throw new AwsError(
      'SerializationException',
      `The simulator speaks ${CONTENT_TYPE} only, got ${contentType ?? 'no content type'}.`,
    );
  }
  if (target === null || !target.startsWith(TARGET_PREFIX)) {
    throw new AwsError(
      'UnknownOperationException',
      `Expected X-Amz-Target to begin with ${TARGET_PREFIX}, got ${target}.`,
    );
  }
  return target.slice(TARGET_PREFIX.length);
}

function parse(body: Buffer): RequestBody {
  let value: unknown;
  try {
    // An empty body is an empty request, as AWS takes it.
    value = body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    throw new AwsError('SerializationException', 'The body is not valid JSON.');
  }
  if (isObject(value)) return value;
  throw new AwsError('SerializationException', 'Start of structure or map found where not expected.');
}
