"""Provokes three errors of pelcro-grpc and handles each, and reads many customers."""

import argparse
import sys
import time
import uuid
from pathlib import Path

import grpc

from connection import connect
from error_details import find, reason
from stubs import customer_pb2
from stubs import customer_service_pb2 as messages
from stubs import error_details_pb2 as details
from stubs import error_reason_pb2 as reasons

SERVICE_CONFIG = Path(__file__).parent / "../../client/service-config-request-id.json"
# A deadline of the call itself is sent to the service, whose error with details then
# arrives first; the timeouts of the service config are not sent.
READ_TIMEOUT = 8
BATCH_TIMEOUT = 58
CHANGE_TIMEOUT = 32
# The delay after a rate limit whose error has none.
DEFAULT_DELAY = 60
# The delay before a broken stream is continued whose error has none.
STREAM_DELAY = 5
CONTINUABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Customers:
    """Calls the customer service and handles its errors."""

    def __init__(self, service, max_wait):
        self.service = service
        self.max_wait = max_wait

    def create(self, email):
        return self.service.CreateCustomer(new_customer(email), timeout=CHANGE_TIMEOUT).customer

    def get(self, customer_id):
        request = messages.GetCustomerRequest(id=customer_id)
        return self.service.GetCustomer(request, timeout=READ_TIMEOUT).customer

    def create_corrected(self, email, correct_email):
        """Creates a customer, with the other email if Pelcro rejects the first."""
        try:
            return self.create(email)
        except grpc.RpcError as error:
            if reason(error) != reasons.PELCRO_VALIDATION_FAILED:
                raise
            for violation in find(error, details.BadRequest).field_violations:
                say(f"rejected: {violation.field}: {violation.description} ({violation.reason})")
        return self.create(correct_email)

    def get_after_delay(self, customer_id):
        """Gets a customer. After a rate limit it waits for the delay of the error and
        retries once."""
        try:
            return self.get(customer_id)
        except grpc.RpcError as error:
            if reason(error) != reasons.PELCRO_RATE_LIMITED:
                raise
            delay = find(error, details.RetryInfo).retry_delay
            self.wait(delay.ToTimedelta().total_seconds() or DEFAULT_DELAY)
        return self.get(customer_id)

    def create_once(self, email):
        """Creates a customer: exactly one, however often it has to send the request, because
        all of its attempts have the same request_id."""
        request = new_customer(email)
        while True:
            try:
                return self.service.CreateCustomer(request, timeout=CHANGE_TIMEOUT).customer
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                say(f"{reasons.ErrorReason.Name(reason(error))}: sending it again")
                delay = find(error, details.RetryInfo).retry_delay
                self.wait(delay.ToTimedelta().total_seconds())

    def read_all(self):
        """Yields each customer. A stream that breaks is continued after the last message
        that was used."""
        request = messages.StreamCustomersRequest()
        while True:
            try:
                for message in self.service.StreamCustomers(request):
                    yield from message.customers
                    request.resume_token = message.resume_token
                return
            except grpc.RpcError as error:
                if error.code() not in CONTINUABLE:
                    raise
                say(f"{reasons.ErrorReason.Name(reason(error))}: continuing the stream")
                delay = find(error, details.RetryInfo).retry_delay
                self.wait(delay.ToTimedelta().total_seconds() or STREAM_DELAY)

    def get_many(self, ids):
        """Gets customers by their ids, with one request to Pelcro for each hundred."""
        request = messages.BatchGetCustomersRequest(ids=ids)
        return self.service.BatchGetCustomers(request, timeout=BATCH_TIMEOUT)

    def wait(self, seconds):
        if seconds > self.max_wait:
            say(f"retry delay {seconds:g} s: waiting {self.max_wait:g} s (--max-wait)")
        time.sleep(min(seconds, self.max_wait))


def new_customer(email):
    """Returns a create with a request_id of its own."""
    return messages.CreateCustomerRequest(
        request_id=str(uuid.uuid4()), customer=customer_pb2.Customer(email=email)
    )


def attempt(title, action):
    """Runs a step, and prints its error; returns whether it succeeded."""
    print(title, flush=True)
    try:
        action()
    except grpc.RpcError as error:
        name = reasons.ErrorReason.Name(reason(error))
        say(f"failed: {error.code().name}, {name}: {error.details()}")
        return False
    return True


def show(customer):
    say(f"customer {customer.id} is {customer.email}")


def show_all(customers):
    ids = [customer.id for customer in customers]
    say(f"{len(ids)} customers, up to {ids[-1]}")


def show_many(response):
    for customer in response.customers:
        show(customer)
    say(f"missing: {list(response.missing_ids)}")


def say(text):
    print(f"   {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?", default="127.0.0.1:50051")
    parser.add_argument(
        "--max-wait",
        type=float,
        default=float("inf"),
        metavar="SECONDS",
        help="upper limit for every wait",
    )
    arguments = parser.parse_args()

    customers = Customers(connect(arguments.address, SERVICE_CONFIG), arguments.max_wait)
    name = f"nora-{uuid.uuid4().hex[:8]}"
    created = attempt(
        "1. Create a customer with a bad email",
        lambda: show(customers.create_corrected("nora", f"{name}@example.com")),
    )
    attempt(
        "2. Get a customer over the rate limit",
        lambda: show(customers.get_after_delay(429)),
    )
    attempt(
        "3. Create a customer and lose the response",
        lambda: show(customers.create_once(f"http-502+created@{name}.example.com")),
    )
    attempt(
        "4. Read all customers",
        lambda: show_all(customers.read_all()),
    )
    attempt(
        "5. Get customers by their ids",
        lambda: show_many(customers.get_many([1002, 1001, 2001])),
    )
    sys.exit(0 if created else 1)


if __name__ == "__main__":
    main()
