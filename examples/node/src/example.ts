// Usage: node dist/example.js [ADDRESS]
// When a rate limit says how long to wait, it waits so long, but at most MAX_WAIT_SECONDS, if that is set.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, connect } from './client';
import { readFailure } from './errorDetails';
import type { CreateCustomerResponse__Output } from './gen/pelcro/v1/CreateCustomerResponse';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';
import { ErrorReason } from './gen/pelcro/v1/ErrorReason';
import type { GetCustomerResponse__Output } from './gen/pelcro/v1/GetCustomerResponse';
import type { ListCustomersResponse__Output } from './gen/pelcro/v1/ListCustomersResponse';

const maxWaitSeconds = Number(process.env.MAX_WAIT_SECONDS || Infinity);

class Customers {
  constructor(private readonly client: CustomerServiceClient) {}

  async create(email: string): Promise<string> {
    const { customer } = await call<CreateCustomerResponse__Output>((options, done) =>
      this.client.createCustomer({ customer: { email } }, options, done),
    );
    return customer?.id ?? '';
  }

  async get(id: number): Promise<string> {
    const { customer } = await call<GetCustomerResponse__Output>((options, done) =>
      this.client.getCustomer({ id }, options, done),
    );
    return customer?.id ?? '';
  }

  async findByEmail(email: string): Promise<string | undefined> {
    const filters = [{ attribute: 'email', operator: 'OPERATOR_EQUALS' as const, values: [email] }];
    const { customers } = await call<ListCustomersResponse__Output>((options, done) =>
      this.client.listCustomers({ filters }, options, done),
    );
    return customers[0]?.id;
  }
}

// Creates a customer, mending the fields that are refused.
async function createMended(customers: Customers, email: string, mend: (email: string) => string): Promise<string> {
  try {
    return await customers.create(email);
  } catch (error) {
    const { code, reason, violations } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_VALIDATION_FAILED) throw error;
    console.log(`${code} ${reason}`);
    for (const v of violations) console.log(`  ${v.field}: ${v.reason}: ${v.description}`);
    return customers.create(mend(email));
  }
}

// Waits as a rate limit tells it to, and then tries once more.
async function getPatiently(customers: Customers, id: number): Promise<string> {
  try {
    return await customers.get(id);
  } catch (error) {
    const { code, reason, retryDelaySeconds } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_RATE_LIMITED || retryDelaySeconds === undefined) throw error;
    const seconds = Math.min(retryDelaySeconds, maxWaitSeconds);
    console.log(`${code} ${reason}: told to wait ${retryDelaySeconds} s, waiting ${seconds} s`);
    await sleep(seconds * 1000);
    return customers.get(id);
  }
}

// Repeats a create of unknown outcome only when the customer is not there.
async function createOnce(customers: Customers, email: string): Promise<string> {
  try {
    return await customers.create(email);
  } catch (error) {
    const { code, reason } = readFailure(error);
    if (reason !== ErrorReason.PELCRO_OUTCOME_UNKNOWN) throw error;
    const found = await customers.findByEmail(email);
    console.log(`${code} ${reason}: ${email} is ${found ? 'there' : 'not there, creating it'}`);
    return found ?? (await customers.create(email));
  }
}

async function main(address = '127.0.0.1:50051'): Promise<void> {
  const client = connect(address, join(__dirname, '../../../client/service-config.json'));
  const customers = new Customers(client);

  const created = await createMended(customers, `node-${Date.now()}.example.com`, (email) => email.replace('.', '@'));
  console.log(`created customer ${created}`);

  // In the sandbox these two fail whenever they are tried.
  await getPatiently(customers, 429).catch(giveUp);
  await createOnce(customers, 'http-502@example.com').catch(giveUp);
  client.close();
}

function giveUp(error: unknown): void {
  const { code, reason, message, requestId } = readFailure(error);
  console.log(`giving up: ${code} ${reason}: ${message} (request ${requestId})`);
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
