// A channel to pelcro-grpc, and calls that return promises.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type CallOptions, type requestCallback } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './gen/customer_service';
import type { CustomerServiceClient } from './gen/pelcro/v1/CustomerService';

const definition = loadSync('pelcro/v1/customer_service.proto', {
  includeDirs: [join(__dirname, '../../../proto')],
  longs: String,
  enums: String,
  defaults: true,
});
const { pelcro } = loadPackageDefinition(definition) as unknown as ProtoGrpcType;

export function connect(address: string, serviceConfigFile: string): CustomerServiceClient {
  return new pelcro.v1.CustomerService(address, credentials.createInsecure(), {
    'grpc.service_config': readFileSync(serviceConfigFile, 'utf8'),
  });
}

/**
 * A call as a promise. Without a deadline of its own it has the timeout of the service config; without either, grpc-js
 * would wait for ever.
 */
export function call<T>(
  start: (options: CallOptions, done: requestCallback<T>) => void,
  options: CallOptions = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    start(options, (error, response) => (error ? reject(error) : resolve(response as T)));
  });
}
