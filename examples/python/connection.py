"""Connects to pelcro-grpc."""

import os
import sys
from pathlib import Path

import grpc

from stubs import customer_service_pb2_grpc


def connect(address, service_config_file):
    """Returns a client of the customer service, with the retries, timeouts and
    health checks of the service config."""
    service_config = Path(service_config_file).read_text(encoding="utf-8")
    options = [("grpc.service_config", service_config)]
    secure = credentials()
    if secure is None:
        channel = grpc.insecure_channel(address, options=options)
    else:
        channel = grpc.secure_channel(address, secure, options=options)
    return customer_service_pb2_grpc.CustomerServiceStub(channel)


def credentials():
    """Returns the credentials of the environment, None for a connection without TLS.

    PELCRO_GRPC_CA_FILE holds the CA of the service's certificate, in PEM, or is
    "system". PELCRO_GRPC_TOKEN is the caller's token."""
    ca_file = os.environ.get("PELCRO_GRPC_CA_FILE")
    token = os.environ.get("PELCRO_GRPC_TOKEN")
    if not ca_file:
        if token:
            sys.exit("PELCRO_GRPC_TOKEN needs TLS: set PELCRO_GRPC_CA_FILE")
        return None
    tls = grpc.ssl_channel_credentials(None if ca_file == "system" else Path(ca_file).read_bytes())
    if not token:
        return tls
    return grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(token))
