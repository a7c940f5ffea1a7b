// Usage: node dist/example.js [--max-wait SECONDS] [ADDRESS]
// --max-wait is the upper limit for every wait.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { call, connect } from './client';
import { mayExist, readFailure } from './errorDetails';
import type { CreateCustomerResponse__Output } from './gen/pelcro/v1/CreateCustomerResponse';
import type { Customer__Output } from './gen/pelcro/v1/Customer';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';
import { ErrorReason } from './gen/pelcro/v1/ErrorReason';
import type { GetCustomerResponse__Output } from './gen/pelcro/v1/GetCustomerResponse';
import type { ListCustomersResponse__Output } from './gen/pelcro/v1/ListCustomersResponse';

const { values, positionals } = parseArgs({ options: { 'max-wait': { type: 'string' } }, allowPositionals: true });
const maxWaitSeconds = Number(values['max-wait'] ?? Infinity);
// The delay after a rate limit whose error has none.
const defaultDelaySeconds = 60;
// How long Pelcro may need to finish a create whose response was lost.
const settleSeconds = 1;

type Customer = Customer__Output | null | undefined;

class Customers {
  constructor(private readonly client: CustomerServiceClient) {}

  async create(email: string): Promise<Customer> {
    const { customer } = await call<CreateCustomerResponse__Output>((options, done) =>
      this.client.createCustomer({ customer: { email } }, options, done),
    );
    return customer;
  }

  async get(id: number): Promise<Customer> {
    const { customer } = await call<GetCustomerResponse__Output>((options, done) =>
      this.client.getCustomer({ id }, options, done),
    );
    return customer;
  }

  async lookUp(email: string): Promise<Customer> {
    const filters = [{ attribute: 'email', operator: 'OPERATOR_EQUALS' as const, values: [email] }];
    const { customers } = await call<ListCustomersResponse__Output>((options, done) =>
      this.client.listCustomers({ filters }, options, done),
    );
    return customers[0];
  }
}

// Creates a customer, with the other email if Pelcro rejects the first.
async function createCorrected(customers: Customers, email: string, correctEmail: string): Promise<Customer> {
  try {
    return await customers.create(email);
  } catch (error) {
    const { reason, violations } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_VALIDATION_FAILED) throw error;
    for (const v of violations) say(`rejected: ${v.field}: ${v.description} (${v.reason})`);
    return customers.create(correctEmail);
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

// Creates a customer. When the first attempt may have created it, it looks the customer up before it creates one again.
async function createOnce(customers: Customers, email: string): Promise<Customer> {
  try {
    return await customers.create(email);
  } catch (error) {
    if (!mayExist(readFailure(error))) throw error;
    say(`${email} may have been created: looking it up`);
    await wait(settleSeconds);
    const found = await customers.lookUp(email);
    if (found) {
      say('found');
      return found;
    }
    say('not found: creating it again');
    return customers.create(email);
  }
}

async function wait(seconds: number): Promise<void> {
  if (seconds > maxWaitSeconds) {
    say(`retry delay ${seconds} s: waiting ${maxWaitSeconds} s (--max-wait)`);
  } else if (seconds > settleSeconds) {
    say(`retry delay ${seconds} s: waiting`);
  }
  await sleep(Math.min(seconds, maxWaitSeconds) * 1000);
}

// Runs a step and prints its result; returns whether it succeeded.
async function attempt(title: string, step: () => Promise<Customer>): Promise<boolean> {
  console.log(title);
  try {
    const customer = await step();
    say(`customer ${customer?.id} is ${customer?.email}`);
    return true;
  } catch (error) {
    const { code, reason, message } = readFailure(error);
    say(`failed: ${code}, ${reason}: ${message}`);
    return false;
  }
}

function say(text: string): void {
  console.log(`   ${text}`);
}

async function main(address = '127.0.0.1:50051'): Promise<void> {
  const client = connect(address, join(__dirname, '../../../client/service-config.json'));
  const customers = new Customers(client);
  const email = `nora-${Math.random().toString(16).slice(2, 10).padEnd(8, '0')}@example.com`;
  const created = await attempt('1. Create a customer with a bad email', () =>
    createCorrected(customers, 'nora', email),
  );
  await attempt('2. Get a customer over the rate limit', () => getAfterDelay(customers, 429));
  await attempt('3. Create a customer and lose the response', () => createOnce(customers, 'http-502@example.com'));
  client.close();
  if (!created) process.exitCode = 1;
}

main(positionals[0]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
