// The errors that Kinesis answers with, and the HTTP status of each.

interface ErrorKind {
  readonly status: number;
  /** What AWS says when there is nothing particular to say; scripted faults use it. */
  readonly message: string;
}

export const AWS_ERRORS = {
  AccessDeniedException: { status: 400, message: 'User is not authorized to perform this operation.' },
  ExpiredIteratorException: { status: 400, message: 'Iterator expired.' },
  ExpiredNextTokenException: { status: 400, message: 'The pagination token expired.' },
  ExpiredTokenException: { status: 400, message: 'The security token included in the request is expired' },
  IncompleteSignatureException: {
    status: 400,
    message: 'The request signature does not conform to AWS standards.',
  },
  InternalFailure: { status: 500, message: 'Internal Service Failure' },
  InvalidArgumentException: { status: 400, message: 'A specified parameter exceeds its restrictions.' },
  InvalidSignatureException: {
    status: 400,
    message: 'The request signature we calculated does not match the signature you provided.',
  },
  KMSThrottlingException: { status: 400, message: 'The request was denied due to request throttling.' },
  LimitExceededException: { status: 400, message: 'Rate exceeded.' },
  MissingAuthenticationTokenException: { status: 400, message: 'Missing Authentication Token' },
  ProvisionedThroughputExceededException: { status: 400, message: 'Rate exceeded.' },
  ResourceInUseException: { status: 400, message: 'The resource is not available for this operation.' },
  ResourceNotFoundException: { status: 400, message: 'The requested resource could not be found.' },
  SerializationException: { status: 400, message: 'Could not parse the request.' },
  ServiceUnavailable: { status: 503, message: 'Service is unavailable, try again later.' },
  ThrottlingException: { status: 400, message: 'Rate exceeded' },
  UnknownOperationException: { status: 400, message: 'Unknown operation.' },
  UnrecognizedClientException: {
    status: 400,
    message: 'The security token included in the request is invalid.',
  },
  ValidationException: { status: 400, message: 'Validation error.' },
} as const satisfies Record<string, ErrorKind>;

export type AwsErrorType = keyof typeof AWS_ERRORS;

export function isAwsErrorType(name: string): name is AwsErrorType {
  return Object.hasOwn(AWS_ERRORS, name);
}

/** Thrown by the operations; the front door turns it into a reply. */
export class AwsError extends Error {
  readonly type: AwsErrorType;
  readonly status: number;

  constructor(type: AwsErrorType, message: string = AWS_ERRORS[type].message) {
    super(message);
    this.type = type;
    this.status = AWS_ERRORS[type].status;
  }
}
