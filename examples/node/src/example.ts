// Usage: node dist/example.js [--max-wait SECONDS] [ADDRESS]
// --max-wait is the upper limit for every wait.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { call, connect } from './client';
import { readFailure } from './errorDetails';
import type { BatchGetCustomersResponse__Output } from './gen/pelcro/v1/BatchGetCustomersResponse';
import type { CreateCustomerRequest } from './gen/pelcro/v1/CreateCustomerRequest';
import type { CreateCustomerResponse__Output } from './gen/pelcro/v1/CreateCustomerResponse';
import type { Customer__Output } from './gen/pelcro/v1/Customer';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';
import { ErrorReason } from './gen/pelcro/v1/ErrorReason';
import type { GetCustomerResponse__Output } from './gen/pelcro/v1/GetCustomerResponse';
import type { StreamCustomersResponse__Output } from './gen/pelcro/v1/StreamCustomersResponse';

const { values, positionals } = parseArgs({ options: { 'max-wait': { type: 'string' } }, allowPositionals: true });
const maxWaitSeconds = Number(values['max-wait'] ?? Infinity);
// The delay after a rate limit whose error has none.
const defaultDelaySeconds = 60;
// The delay before a broken stream is continued whose error has none.
const streamDelaySeconds = 5;

type Customer = Customer__Output | null | undefined;

class Customers {
  constructor(private readonly client: CustomerServiceClient) {}

  async create(request: CreateCustomerRequest): Promise<Customer> {
    const { customer } = await call<CreateCustomerResponse__Output>((options, done) =>
      this.client.createCustomer(request, options, done),
    );
    return customer;
  }

  async get(id: number): Promise<Customer> {
    const { customer } = await call<GetCustomerResponse__Output>((options, done) =>
      this.client.getCustomer({ id }, options, done),
    );
    return customer;
  }

  // Gets customers by their ids, with one request to Pelcro for each hundred.
  getMany(ids: number[]): Promise<BatchGetCustomersResponse__Output> {
    return call((options, done) => this.client.batchGetCustomers({ ids }, options, done));
  }

  stream(resumeToken: string): AsyncIterable<StreamCustomersResponse__Output> {
    return this.client.streamCustomers({ resumeToken });
  }
}

// Returns a create with a request_id of its own.
function newCustomer(email: string): CreateCustomerRequest {
  return { requestId: randomUUID(), customer: { email } };
}

// Creates a customer, with the other email if Pelcro rejects the first.
async function createCorrected(customers: Customers, email: string, correctEmail: string): Promise<Customer> {
  try {
    return await customers.create(newCustomer(email));
  } catch (error) {
    const { reason, violations } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_VALIDATION_FAILED) throw error;
    for (const v of violations) say(`rejected: ${v.field}: ${v.description} (${v.reason})`);
    return customers.create(newCustomer(correctEmail));
  }
}

// Gets a customer. After a rate limit it waits for the delay of the error and retries once.
async function getAfterDelay(customers: Customers, id: number): Promise<Customer> {
  try {
    return await customers.get(id);
  } catch (error) {
    const { reason, retryDelaySeconds } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_RATE_LIMITED) throw error;
    await wait(retryDelaySeconds ?? defaultDelaySeconds);
    return customers.get(id);
  }
}

// Creates a customer: exactly one, however often it has to send the request, because all of its attempts have the same
// request_id.
async function createOnce(customers: Customers, email: string): Promise<Customer> {
  const request = newCustomer(email);
  for (;;) {
    try {
      return await customers.create(request);
    } catch (error) {
      const { code, reason, retryDelaySeconds } = readFailure(error);
      if (code !== 'UNAVAILABLE') throw error;
      say(`${reason}: sending it again`);
      await wait(retryDelaySeconds ?? 0);
    }
  }
}

// Yields each customer. A stream that breaks is continued after the last message that was used.
async function* readAll(customers: Customers): AsyncGenerator<Customer__Output> {
  let resumeToken = '';
  for (;;) {
    try {
      for await (const message of customers.stream(resumeToken)) {
        yield* message.customers;
        resumeToken = message.resumeToken;
      }
      return;
    } catch (error) {
      const { code, reason, retryDelaySeconds } = readFailure(error);
      if (code !== 'UNAVAILABLE' && code !== 'RESOURCE_EXHAUSTED') throw error;
      say(`${reason}: continuing the stream`);
      await wait(retryDelaySeconds ?? streamDelaySeconds);
    }
  }
}

async function wait(seconds: number): Promise<void> {
  if (seconds > maxWaitSeconds) {
    say(`retry delay ${seconds} s: waiting ${maxWaitSeconds} s (--max-wait)`);
  }
  await sleep(Math.min(seconds, maxWaitSeconds) * 1000);
}

// Runs a step, and prints its error; returns whether it succeeded.
async function attempt(title: string, step: () => Promise<void>): Promise<boolean> {
  console.log(title);
  try {
    await step();
    return true;
  } catch (error) {
    const { code, reason, message } = readFailure(error);
    say(`failed: ${code}, ${reason}: ${message}`);
    return false;
  }
}

function show(customer: Customer): void {
  say(`customer ${customer?.id} is ${customer?.email}`);
}

function say(text: string): void {
  console.log(`   ${text}`);
}

async function main(address = '127.0.0.1:50051'): Promise<void> {
  const client = connect(address, join(__dirname, '../../../client/service-config-request-id.json'));
  const customers = new Customers(client);
  const name = `nora-${randomUUID().slice(0, 8)}`;
  const created = await attempt('1. Create a customer with a bad email', async () =>
    show(await createCorrected(customers, 'nora', `${name}@example.com`)),
  );
  await attempt('2. Get a customer over the rate limit', async () => show(await getAfterDelay(customers, 429)));
  await attempt('3. Create a customer and lose the response', async () =>
    show(await createOnce(customers, `http-502+created@${name}.example.com`)),
  );
  await attempt('4. Read all customers', async () => {
    const ids: string[] = [];
    for await (const { id } of readAll(customers)) ids.push(id);
    say(`${ids.length} customers, up to ${ids.at(-1)}`);
  });
  await attempt('5. Get customers by their ids', async () => {
    const { customers: found, missingIds } = await customers.getMany([1002, 1001, 2001]);
    found.forEach(show);
    say(`missing: [${missingIds.join(', ')}]`);
  });
  client.close();
  if (!created) process.exitCode = 1;
}

main(positionals[0]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
