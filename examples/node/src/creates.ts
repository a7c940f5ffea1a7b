// Usage: node dist/creates.js ADDRESS SERVICE_CONFIG_FILE
// Creates a customer for each line on standard input, an object with a requestId, and prints the id of the customer or
// the reason of the error: one JSON object per line, in any order. A test of the gateway runs it.
import { createInterface } from 'node:readline';
import { call, connect } from './client';
import { readFailure } from './errorDetails';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';
import type { CreateCustomerResponse__Output } from './gen/pelcro/v1/CreateCustomerResponse';

async function create(client: CustomerServiceClient, requestId: string) {
  const request = { customer: { email: `${requestId}@example.com` }, requestId };
  try {
    const created = await call<CreateCustomerResponse__Output>(
      (options, done) => client.createCustomer(request, options, done),
      { deadline: Date.now() + 60_000 },
    );
    return { requestId, code: 'OK', id: Number(created.customer?.id) };
  } catch (error) {
    const { code, reason, message } = readFailure(error);
    return { requestId, code, reason, message };
  }
}

async function main([address, serviceConfigFile]: string[]): Promise<void> {
  if (!address || !serviceConfigFile) throw new Error('usage: creates.js ADDRESS SERVICE_CONFIG_FILE');
  const client = connect(address, serviceConfigFile);
  const creates: Promise<void>[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const { requestId } = JSON.parse(line) as { requestId: string };
    creates.push(create(client, requestId).then((result) => void process.stdout.write(`${JSON.stringify(result)}\n`)));
  }
  await Promise.all(creates);
  client.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1); // immediately, even while standard input is open
});
