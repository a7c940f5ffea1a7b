"""Connects to pelcro-grpc."""

from pathlib import Path

import grpc

from stubs import customer_service_pb2_grpc


def connect(address, service_config_file):
    """Returns a client of the customer service, with the retries, timeouts and
    health checks of the service config."""
    service_config = Path(service_config_file).read_text(encoding="utf-8")
    channel = grpc.insecure_channel(address, options=[("grpc.service_config", service_config)])
    return customer_service_pb2_grpc.CustomerServiceStub(channel)
