"""What the sandbox cannot show: a create whose answer is lost but which worked."""

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


class ForgetfulService:
    """Fails every create with the error, and perhaps creates all the same."""

    def __init__(self, error, works):
        self.error = error
        self.works = works
        self.creates = 0
        self.customers = []

    def CreateCustomer(self, request, timeout):
        self.creates += 1
        if self.works:
            self.customers.append(request.customer)
        raise self.error

    def ListCustomers(self, request, timeout):
        [email] = request.filters[0].values
        found = [customer for customer in self.customers if customer.email == email]
        return messages.ListCustomersResponse(customers=found)


class CreateOnce(unittest.TestCase):
    UNKNOWN = Failure(domain="pelcro-grpc", reason="PELCRO_OUTCOME_UNKNOWN")

    def create(self, service):
        with contextlib.redirect_stdout(io.StringIO()):
            return Customers(service, max_wait=0).create_once("eve@example.com")

    def test_finds_what_was_created(self):
        for error in (self.UNKNOWN, Failure()):
            service = ForgetfulService(error, works=True)
            self.assertEqual(self.create(service), customer_pb2.Customer(email="eve@example.com"))
            self.assertEqual(service.creates, 1)

    def test_creates_again_what_is_not_there(self):
        service = ForgetfulService(self.UNKNOWN, works=False)
        with self.assertRaises(Failure):
            self.create(service)
        self.assertEqual(service.creates, 2)

    def test_does_not_repeat_what_was_refused(self):
        refused = Failure(domain="pelcro-grpc", reason="PELCRO_VALIDATION_FAILED")
        service = ForgetfulService(refused, works=False)
        with self.assertRaises(Failure):
            self.create(service)
        self.assertEqual(service.creates, 1)


class Reason(unittest.TestCase):
    def test_is_unspecified_when_it_is_not_one_of_ours(self):
        for error in (
            Failure(),
            Failure(domain="pelcro-grpc", reason="OF_A_LATER_VERSION"),
            Failure(domain="proxy.example.com", reason="PELCRO_RATE_LIMITED"),
        ):
            self.assertEqual(reason(error), 0)


if __name__ == "__main__":
    unittest.main()
