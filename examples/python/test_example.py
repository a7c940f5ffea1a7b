"""Tests what the sandbox cannot show: a create that succeeds but whose response is lost."""

import contextlib
import io
import unittest

import grpc

from error_details import TRAILER, reason
from example import Customers
from stubs import customer_service_pb2 as messages
from stubs import customer_pb2, error_details_pb2, status_pb2


class Failure(grpc.RpcError):
    """An error as grpc raises it, with this ErrorInfo and no other detail."""

    def __init__(self, **info):
        super().__init__()
        status = status_pb2.Status()
        status.details.add().Pack(error_details_pb2.ErrorInfo(**info))
        self.trailers = ((TRAILER, status.SerializeToString()),) if info else None

    def trailing_metadata(self):
        return self.trailers


class FailingService:
    """Fails every create with the error; with `creates`, after creating the customer."""

    def __init__(self, error, creates):
        self.error = error
        self.creates = creates
        self.attempts = 0
        self.customers = []

    def CreateCustomer(self, request, timeout):
        self.attempts += 1
        if self.creates:
            self.customers.append(request.customer)
        raise self.error

    def ListCustomers(self, request, timeout):
        [email] = request.filters[0].values
        found = [customer for customer in self.customers if customer.email == email]
        return messages.ListCustomersResponse(customers=found)


class CreateOnce(unittest.TestCase):
    UNKNOWN = Failure(
        domain="pelcro-grpc", reason="PELCRO_OUTCOME_UNKNOWN", metadata={"outcome": "unknown"}
    )

    def create(self, service):
        with contextlib.redirect_stdout(io.StringIO()):
            return Customers(service, max_wait=0).create_once("eve@example.com")

    def test_finds_the_created_customer(self):
        for error in (self.UNKNOWN, Failure()):
            service = FailingService(error, creates=True)
            self.assertEqual(self.create(service), customer_pb2.Customer(email="eve@example.com"))
            self.assertEqual(service.attempts, 1)

    def test_creates_a_missing_customer_again(self):
        service = FailingService(self.UNKNOWN, creates=False)
        with self.assertRaises(Failure):
            self.create(service)
        self.assertEqual(service.attempts, 2)

    def test_does_not_retry_a_rejected_create(self):
        for outcome in ("rejected", "notSent"):
            error = Failure(
                domain="pelcro-grpc", reason="PELCRO_UNAVAILABLE", metadata={"outcome": outcome}
            )
            service = FailingService(error, creates=False)
            with self.assertRaises(Failure):
                self.create(service)
            self.assertEqual(service.attempts, 1)


class Reason(unittest.TestCase):
    def test_is_unspecified_when_it_is_unknown(self):
        for error in (
            Failure(),
            Failure(domain="pelcro-grpc", reason="OF_A_LATER_VERSION"),
            Failure(domain="proxy.example.com", reason="PELCRO_RATE_LIMITED"),
        ):
            self.assertEqual(reason(error), 0)


if __name__ == "__main__":
    unittest.main()
