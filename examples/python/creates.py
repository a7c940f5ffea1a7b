"""Creates a customer for each line on standard input, an object with a requestId, and
prints the id of the customer or the reason of the error. A test of the gateway runs it:

    creates.py ADDRESS SERVICE_CONFIG_FILE

The calls run concurrently. One JSON object per line, in both directions, in any order.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from connection import connect
from error_details import find
from stubs import customer_pb2, error_details_pb2
from stubs import customer_service_pb2 as messages


def create(service, request_id):
    """Returns the line to print."""
    request = messages.CreateCustomerRequest(
        customer=customer_pb2.Customer(email=f"{request_id}@example.com"), request_id=request_id
    )
    result = {"requestId": request_id}
    try:
        response = service.CreateCustomer(request, timeout=60)
    except grpc.RpcError as error:
        reason = find(error, error_details_pb2.ErrorInfo).reason
        return result | {"code": error.code().name, "reason": reason, "message": error.details()}
    return result | {"code": "OK", "id": response.customer.id}


def show(created):
    """Prints a line in one piece: other threads print, too."""
    print(json.dumps(created.result()) + "\n", end="", flush=True)


def main():
    service = connect(*sys.argv[1:])
    with ThreadPoolExecutor(max_workers=100) as pool:
        for line in sys.stdin:
            request_id = json.loads(line)["requestId"]
            created = pool.submit(create, service, request_id)
            created.add_done_callback(show)


if __name__ == "__main__":
    main()
