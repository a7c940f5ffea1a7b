package mapping

import (
	"google.golang.org/grpc/codes"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
)

// MaxErrorBody is maxErrorBody for the tests of the package's users.
const MaxErrorBody = maxErrorBody

// CodeOf returns the code of a reason.
func CodeOf(reason pelcrov1.ErrorReason) codes.Code { return infoOf[reason].code }

// WithParent returns the operation with another name of the field that holds the resource.
func (o Operation) WithParent(parent string) Operation {
	o.fields.Parent = parent
	return o
}
