package gatewaytest

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Reason returns the reason of an error, empty if it has none.
func Reason(err error) string { return Detail[*errdetails.ErrorInfo](err).GetReason() }

// Metadata returns a value of the metadata of an error's ErrorInfo, such as its outcome.
func Metadata(err error, key string) string {
	return Detail[*errdetails.ErrorInfo](err).GetMetadata()[key]
}

// Detail returns the first detail of that type, the zero value if the error has none.
func Detail[D any](err error) (detail D) {
	for _, d := range status.Convert(err).Details() {
		if found, ok := d.(D); ok {
			return found
		}
	}
	return detail
}
