"""Makes the calls on standard input and prints what this language reads of each
error. The conformance test of the gateway runs it:

    conformance.py ADDRESS SERVICE_CONFIG_FILE

One JSON object per line, in both directions. Unreadable input or an unreadable error
ends the program.
"""

import json
import sys

import grpc

from connection import connect
from error_details import TRAILER, find
from stubs import customer_pb2, error_details_pb2, status_pb2
from stubs import customer_service_pb2 as messages

DEADLINE_SECONDS = 10

DETAIL_TYPES = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.PreconditionFailure,
    error_details_pb2.RetryInfo,
    error_details_pb2.QuotaFailure,
    error_details_pb2.ResourceInfo,
    error_details_pb2.RequestInfo,
)


def request_of(case):
    """Returns the request message of a case."""
    customer = customer_pb2.Customer
    match case["operation"]:
        case "GetCustomer":
            return messages.GetCustomerRequest(id=case["id"])
        case "DeleteCustomer":
            return messages.DeleteCustomerRequest(id=case["id"])
        case "UpdateCustomer":
            return messages.UpdateCustomerRequest(customer=customer(id=case["id"], first_name="x"))
        case "CreateCustomer":
            return messages.CreateCustomerRequest(customer=customer(email=case["email"]))
        case "ListCustomers":
            same_email = messages.CustomerFilter(
                attribute="email",
                operator=messages.CustomerFilter.OPERATOR_EQUALS,
                values=[case["email"]],
            )
            return messages.ListCustomersRequest(filters=[same_email])
    raise ValueError(f"unknown operation: {case['operation']}")


class Success:
    """The end of a call that succeeded, for `describe`."""

    def code(self):
        return grpc.StatusCode.OK

    def details(self):
        return ""

    def trailing_metadata(self):
        return ()


def result_of(service, case):
    """Makes the call; returns its error, or a Success."""
    try:
        getattr(service, case["operation"])(request_of(case), timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        return error
    return Success()


def decoded_types(result, trailers):
    """Returns the types of the details. Fails unless each can be read and the status in
    the trailer is that of the call."""
    if TRAILER not in trailers:
        return []
    status = status_pb2.Status.FromString(trailers[TRAILER])
    if (status.code, status.message) != (result.code().value[0], result.details()):
        raise ValueError(f"the status in the trailer differs: {status} and {result}")
    for detail in status.details:
        if not any(detail.Unpack(message_type()) for message_type in DETAIL_TYPES):
            raise ValueError(f"unknown detail type: {detail}")
    return [detail.TypeName() for detail in status.details]


def describe(name, result):
    """Returns what can be read of a call that has ended."""
    trailers = dict(result.trailing_metadata() or ())
    if len(trailers) != len(result.trailing_metadata() or ()):
        raise ValueError(f"duplicate trailer: {result.trailing_metadata()}")
    info = find(result, error_details_pb2.ErrorInfo)
    retry = find(result, error_details_pb2.RetryInfo)
    delay = retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None
    preconditions = find(result, error_details_pb2.PreconditionFailure).violations
    quotas = find(result, error_details_pb2.QuotaFailure).violations
    return {
        "name": name,
        "code": result.code().name,
        "message": result.details(),
        "domain": info.domain,
        "reason": info.reason,
        "metadata": dict(info.metadata),
        "violations": [
            {"field": each.field, "description": each.description, "reason": each.reason}
            for each in find(result, error_details_pb2.BadRequest).field_violations
        ],
        "precondition": preconditions[0].type if preconditions else "",
        "retryDelaySeconds": delay,
        "quota": quotas[0].quota_value if quotas else None,
        "resource": find(result, error_details_pb2.ResourceInfo).resource_name,
        "requestId": find(result, error_details_pb2.RequestInfo).request_id,
        "errorReason": trailers.get("x-error-reason", ""),
        "pushback": trailers.get("grpc-retry-pushback-ms", ""),
        "detailTypes": decoded_types(result, trailers),
    }


def main():
    service = connect(*sys.argv[1:])
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(describe(case["name"], result_of(service, case))), flush=True)


if __name__ == "__main__":
    main()
