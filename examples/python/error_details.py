"""Reads what an error of pelcro-grpc says to programs.

`find` is what grpc_status.rpc_status.from_call is for, which Debian does not
package: the trailer is a google.rpc.Status, whose details are one message of
each type.
"""

from stubs import ErrorReason, error_details_pb2, status_pb2


TRAILER = "grpc-status-details-bin"


def find(error, message_type):
    """Returns the error's detail of that type; an empty one if it has none."""
    trailers = dict(error.trailing_metadata() or ())
    found = message_type()
    for detail in status_pb2.Status.FromString(trailers.get(TRAILER, b"")).details:
        detail.Unpack(found)  # leaves found alone if the detail is of another type
    return found


def reason(error):
    """Returns the error's ErrorReason; unspecified if this program knows none."""
    info = find(error, error_details_pb2.ErrorInfo)
    known = info.domain == "pelcro-grpc" and info.reason in ErrorReason.keys()
    return ErrorReason.Value(info.reason if known else "ERROR_REASON_UNSPECIFIED")
