// The unmodified SDK client, as the tests point it at a server on loopback.

import { Agent } from 'node:http';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

export interface Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** One attempt only: a retry would hide what the server answered. */
export function sdkClient({ endpoint, region, credentials }: Server): KinesisClient {
  const httpAgent = new Agent({ keepAlive: true, maxSockets: 50 });
  return new KinesisClient({
    endpoint,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ httpAgent }),
  });
}

/** The name of the error that a call is refused with; fails when it is not refused. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => null,
    (error: unknown) => error,
  );
  return outcome instanceof Error ? outcome.name : 'none';
}
