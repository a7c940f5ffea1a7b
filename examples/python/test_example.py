"""Tests what the sandbox cannot show: a create that has to be sent several times, and a
stream that breaks."""

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

    def __init__(self, code=grpc.StatusCode.UNAVAILABLE, **info):
        super().__init__()
        status = status_pb2.Status()
        status.details.add().Pack(error_details_pb2.ErrorInfo(**info))
        self.status_code = code
        self.trailers = ((TRAILER, status.SerializeToString()),) if info else None

    def code(self):
        return self.status_code

    def trailing_metadata(self):
        return self.trailers


class FailingService:
    """Fails the first creates with the errors."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.request_ids = []

    def CreateCustomer(self, request, timeout):
        self.request_ids.append(request.request_id)
        if self.errors:
            raise self.errors.pop(0)
        return messages.CreateCustomerResponse(customer=request.customer)


class CreateOnce(unittest.TestCase):
    def create(self, service):
        with contextlib.redirect_stdout(io.StringIO()):
            return Customers(service, max_wait=0).create_once("eve@example.com")

    def test_retries_with_the_same_id(self):
        pending = Failure(domain="pelcro-grpc", reason="GATEWAY_CREATE_PENDING")
        service = FailingService(pending, Failure())
        self.assertEqual(self.create(service), customer_pb2.Customer(email="eve@example.com"))
        self.assertEqual(service.request_ids, [service.request_ids[0]] * 3)

    def test_another_create_has_another_id(self):
        service = FailingService()
        self.create(service)
        self.create(service)
        self.assertEqual(len(set(service.request_ids)), 2)

    def test_does_not_retry_a_rejected_create(self):
        service = FailingService(Failure(grpc.StatusCode.INVALID_ARGUMENT))
        with self.assertRaises(Failure):
            self.create(service)
        self.assertEqual(len(service.request_ids), 1)


class BreakingService:
    """Streams five customers, one a message. Each error breaks a stream after its first
    message."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.tokens = []

    def StreamCustomers(self, request):
        self.tokens.append(request.resume_token)
        last = int(request.resume_token or 0)
        for number in range(last + 1, 6):
            if number == last + 2 and self.errors:
                raise self.errors.pop(0)
            customers = [customer_pb2.Customer(id=number)]
            yield messages.StreamCustomersResponse(customers=customers, resume_token=str(number))


class ReadAll(unittest.TestCase):
    def read(self, service):
        with contextlib.redirect_stdout(io.StringIO()):
            return [customer.id for customer in Customers(service, max_wait=0).read_all()]

    def test_continues_after_the_last_message(self):
        service = BreakingService(Failure(), Failure())
        self.assertEqual(self.read(service), [1, 2, 3, 4, 5])
        self.assertEqual(service.tokens, ["", "1", "2"])

    def test_does_not_continue_after_another_error(self):
        service = BreakingService(Failure(grpc.StatusCode.INTERNAL))
        with self.assertRaises(Failure):
            self.read(service)
        self.assertEqual(service.tokens, [""])


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
