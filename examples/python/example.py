"""Meets the errors of pelcro-grpc, and does about each what it says."""

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

SERVICE_CONFIG = Path(__file__).parent / "../../client/service-config.json"
# A deadline of the call's own is passed on to the service, which then answers in
# time and with details; the timeouts of the service config are not.
READ_TIMEOUT = 8
CHANGE_TIMEOUT = 32
# After these a create may have happened: the answer was lost between the service
# and Pelcro, came too late, or was lost on the way here.
OUTCOME_UNKNOWN = (
    reasons.PELCRO_OUTCOME_UNKNOWN,
    reasons.CALLER_DEADLINE_EXCEEDED,
    reasons.ERROR_REASON_UNSPECIFIED,
)
# How long to wait when a rate limit does not say.
LONG_PAUSE = 60
# How long Pelcro gets to finish a create that nobody heard the end of.
SETTLING_TIME = 1


class Customers:
    """The customers of a site, and what to do when they cannot be had."""

    def __init__(self, service, max_wait):
        self.service = service
        self.max_wait = max_wait

    def create(self, email):
        request = messages.CreateCustomerRequest(customer=customer_pb2.Customer(email=email))
        return self.service.CreateCustomer(request, timeout=CHANGE_TIMEOUT).customer

    def get(self, customer_id):
        request = messages.GetCustomerRequest(id=customer_id)
        return self.service.GetCustomer(request, timeout=READ_TIMEOUT).customer

    def look_up(self, email):
        """Returns the customer with that email, or None."""
        same_email = messages.CustomerFilter(
            attribute="email", operator=messages.CustomerFilter.OPERATOR_EQUALS, values=[email]
        )
        request = messages.ListCustomersRequest(filters=[same_email])
        found = self.service.ListCustomers(request, timeout=READ_TIMEOUT).customers
        return found[0] if found else None

    def create_corrected(self, email, correct_email):
        """Creates a customer; with the other email if the first one is refused."""
        try:
            return self.create(email)
        except grpc.RpcError as error:
            if reason(error) != reasons.PELCRO_VALIDATION_FAILED:
                raise
            for violation in find(error, details.BadRequest).field_violations:
                say(f"refused: {violation.field}: {violation.description} ({violation.reason})")
        return self.create(correct_email)

    def get_patiently(self, customer_id):
        """Gets a customer; waits once as told if a rate limit is reached."""
        try:
            return self.get(customer_id)
        except grpc.RpcError as error:
            if reason(error) != reasons.PELCRO_RATE_LIMITED:
                raise
            told = find(error, details.RetryInfo).retry_delay
            self.wait(told.ToTimedelta().total_seconds() or LONG_PAUSE)
        return self.get(customer_id)

    def create_once(self, email):
        """Creates a customer, but no second one if the first try may have worked."""
        try:
            return self.create(email)
        except grpc.RpcError as error:
            if reason(error) not in OUTCOME_UNKNOWN:
                raise
        say(f"nobody knows whether {email} was created: looking for it")
        self.wait(SETTLING_TIME)
        if found := self.look_up(email):
            say("it is there")
            return found
        say("it is not there: creating it again")
        return self.create(email)

    def wait(self, seconds):
        if seconds > self.max_wait:
            say(f"told to wait {seconds:g} s: waiting {self.max_wait:g} s, as --max-wait says")
        elif seconds > SETTLING_TIME:
            say(f"told to wait {seconds:g} s: waiting")
        time.sleep(min(seconds, self.max_wait))


def attempt(title, action):
    """Does one thing and says how it ended; returns whether it succeeded."""
    print(title, flush=True)
    try:
        customer = action()
    except grpc.RpcError as error:
        name = reasons.ErrorReason.Name(reason(error))
        say(f"given up: {error.code().name}, {name}: {error.details()}")
        return False
    say(f"customer {customer.id} is {customer.email}")
    return True


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
        help="wait no longer, whatever an error says",
    )
    arguments = parser.parse_args()

    customers = Customers(connect(arguments.address, SERVICE_CONFIG), arguments.max_wait)
    email = f"nora-{uuid.uuid4().hex[:8]}@example.com"
    created = attempt(
        "1. Create a customer with a bad email",
        lambda: customers.create_corrected("nora", email),
    )
    attempt(
        "2. Get a customer over the rate limit",
        lambda: customers.get_patiently(429),
    )
    attempt(
        "3. Create a customer and lose the answer",
        lambda: customers.create_once("http-502@example.com"),
    )
    sys.exit(0 if created else 1)


if __name__ == "__main__":
    main()
