// Reads the details of an error. No official package does so in Node: the details come in the trailer
// grpc-status-details-bin, a serialized google.rpc.Status. (error.details of grpc-js is the message, not the details.)
import { join } from 'node:path';
import { status as Code, type ServiceError } from '@grpc/grpc-js';
import { isAnyExtension, loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import type { BadRequest__Output, _google_rpc_BadRequest_FieldViolation__Output } from './gen/google/rpc/BadRequest';
import type { ErrorInfo__Output } from './gen/google/rpc/ErrorInfo';
import type { PreconditionFailure__Output } from './gen/google/rpc/PreconditionFailure';
import type { QuotaFailure__Output } from './gen/google/rpc/QuotaFailure';
import type { RequestInfo__Output } from './gen/google/rpc/RequestInfo';
import type { ResourceInfo__Output } from './gen/google/rpc/ResourceInfo';
import type { RetryInfo__Output } from './gen/google/rpc/RetryInfo';
import type { Status, Status__Output } from './gen/google/rpc/Status';

// "json" makes the loader unpack google.protobuf.Any.
const google = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [join(__dirname, '../proto')],
  longs: String,
  defaults: true,
  json: true,
});
const statusType = google['google.rpc.Status'] as MessageTypeDefinition<Status, Status__Output>;

interface Details {
  ErrorInfo: ErrorInfo__Output;
  BadRequest: BadRequest__Output;
  PreconditionFailure: PreconditionFailure__Output;
  RetryInfo: RetryInfo__Output;
  QuotaFailure: QuotaFailure__Output;
  ResourceInfo: ResourceInfo__Output;
  RequestInfo: RequestInfo__Output;
}

/** The content of an error. Without details (grpc-js itself failed the call) the reason is empty. */
export interface Failure {
  code: string;
  message: string;
  /** A name of ErrorReason, or a newer one. */
  reason: string;
  domain: string;
  metadata: Record<string, string>;
  violations: _google_rpc_BadRequest_FieldViolation__Output[];
  /** The type of the failed precondition, as PAYMENT. */
  precondition: string;
  retryDelaySeconds: number | undefined;
  quota: number | undefined;
  resource: string;
  requestId: string;
  detailTypes: string[];
}

/** Whether a call failed with this error; all others are programming errors. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error && 'details' in error;
}

/** Reads a gRPC error. Throws any other error, and one of its own if the details cannot be read. */
export function readFailure(error: unknown): Failure {
  if (!isServiceError(error)) throw error;
  const trailers = error.metadata.get('grpc-status-details-bin');
  const status = trailers[0] === undefined ? undefined : statusType.deserialize(trailers[0] as Buffer);
  if (trailers.length > 1 || (status && status.code !== error.code)) {
    throw new Error(`grpc-status-details-bin contradicts grpc-status ${error.code}`, { cause: error });
  }

  const details = new Map<string, object>();
  for (const detail of status?.details ?? []) {
    // The loader leaves a detail packed whose type is not in proto/google; it only counts in detailTypes.
    const url = isAnyExtension(detail) ? detail['@type'] : detail.type_url;
    const type = url.slice(url.lastIndexOf('/') + 1);
    if (details.has(type)) throw new Error(`duplicate detail type ${type}`, { cause: error });
    details.set(type, detail);
  }
  const get = <K extends keyof Details>(type: K) => details.get(`google.rpc.${type}`) as Details[K] | undefined;

  const info = get('ErrorInfo');
  const delay = get('RetryInfo')?.retryDelay;
  const quota = get('QuotaFailure')?.violations[0]?.quotaValue;
  return {
    code: Code[error.code],
    message: error.details,
    reason: info?.reason ?? '',
    domain: info?.domain ?? '',
    metadata: info?.metadata ?? {},
    violations: get('BadRequest')?.fieldViolations ?? [],
    precondition: get('PreconditionFailure')?.violations[0]?.type ?? '',
    retryDelaySeconds: delay ? Number(delay.seconds) + delay.nanos / 1e9 : undefined,
    quota: quota === undefined ? undefined : Number(quota),
    resource: get('ResourceInfo')?.resourceName ?? '',
    requestId: get('RequestInfo')?.requestId ?? '',
    detailTypes: [...details.keys()],
  };
}
