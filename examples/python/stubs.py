"""Imports what `make build` generates into build/."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "build"))

# pylint: disable=wrong-import-position,unused-import
from google.rpc import error_details_pb2, status_pb2  # noqa: E402,F401
from pelcro.v1 import (  # noqa: E402,F401
    customer_pb2,
    customer_service_pb2,
    customer_service_pb2_grpc,
    error_reason_pb2,
)
from pelcro.v1.error_reason_pb2 import ErrorReason  # noqa: E402,F401
