// Usage: node dist/conformance.js ADDRESS SERVICE_CONFIG_FILE
// Makes the calls on standard input, one JSON object per line, and prints what this language reads of each error, one
// JSON object per line. The conformance test of the gateway runs it.
import { createInterface } from 'node:readline';
import type { CallOptions, requestCallback } from '@grpc/grpc-js';
import { call, connect } from './client';
import { isServiceError, readFailure } from './errorDetails';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';

interface Case {
  name: string;
  operation: string;
  id?: number;
  email?: string;
}

function start(client: CustomerServiceClient, { operation, id, email }: Case) {
  return (options: CallOptions, done: requestCallback<unknown>) => {
    switch (operation) {
      case 'GetCustomer':
        return client.getCustomer({ id }, options, done);
      case 'UpdateCustomer':
        return client.updateCustomer({ customer: { id, firstName: 'x' } }, options, done);
      case 'DeleteCustomer':
        return client.deleteCustomer({ id }, options, done);
      case 'CreateCustomer':
        return client.createCustomer({ customer: { email } }, options, done);
      case 'ListCustomers': {
        const filters = [{ attribute: 'email', operator: 'OPERATOR_EQUALS' as const, values: [email ?? ''] }];
        return client.listCustomers({ filters }, options, done);
      }
      default:
        throw new Error(`unknown operation ${operation}`);
    }
  };
}

const success = {
  code: 'OK',
  message: '',
  domain: '',
  reason: '',
  metadata: {},
  violations: [] as object[],
  precondition: '',
  retryDelaySeconds: null as number | null,
  quota: null as number | null,
  resource: '',
  requestId: '',
  errorReason: '',
  pushback: '',
  detailTypes: [] as string[],
};

async function run(client: CustomerServiceClient, c: Case): Promise<typeof success> {
  try {
    await call(start(client, c), { deadline: Date.now() + 10_000 });
    return success;
  } catch (error) {
    const failure = readFailure(error);
    const trailer = (name: string) => (isServiceError(error) ? error.metadata.get(name).join(', ') : '');
    return {
      ...failure,
      retryDelaySeconds: failure.retryDelaySeconds ?? null,
      quota: failure.quota ?? null,
      violations: failure.violations.map(({ field, description, reason }) => ({ field, description, reason })),
      errorReason: trailer('x-error-reason'),
      pushback: trailer('grpc-retry-pushback-ms'),
    };
  }
}

async function main([address, serviceConfigFile]: string[]): Promise<void> {
  if (!address || !serviceConfigFile) throw new Error('usage: conformance.js ADDRESS SERVICE_CONFIG_FILE');
  const client = connect(address, serviceConfigFile);
  for await (const line of createInterface({ input: process.stdin })) {
    const c = JSON.parse(line) as Case;
    process.stdout.write(`${JSON.stringify({ name: c.name, ...(await run(client, c)) })}\n`);
  }
  client.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1); // immediately, even while standard input is open
});
