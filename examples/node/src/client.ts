// A channel to pelcro-grpc, and calls that return promises.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type requestCallback,
} from '@grpc/grpc-js';
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
  return new pelcro.v1.CustomerService(address, channelCredentials(), {
    'grpc.service_config': readFileSync(serviceConfigFile, 'utf8'),
  });
}

/**
 * The credentials of the environment. PELCRO_GRPC_CA_FILE holds the CA of the service's certificate, in PEM, or is
 * "system"; without it there is no TLS. PELCRO_GRPC_TOKEN is the caller's token.
 */
function channelCredentials(): ChannelCredentials {
  const { PELCRO_GRPC_CA_FILE: caFile, PELCRO_GRPC_TOKEN: token } = process.env;
  if (!caFile) {
    if (token) throw new Error('PELCRO_GRPC_TOKEN needs TLS: set PELCRO_GRPC_CA_FILE');
    return credentials.createInsecure();
  }
  const tls = credentials.createSsl(caFile === 'system' ? null : readFileSync(caFile));
  if (!token) return tls;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return credentials.combineChannelCredentials(
    tls,
    credentials.createFromMetadataGenerator((_, done) => done(null, metadata)),
  );
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
