package mapping

import (
	"sync"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// draft is a google.rpc.Status while it is written. grpc-go copies every status
// that it is given, so a draft is of no use afterwards, and a later answer is
// written on the same sheet. Nothing of the earlier one is in it
// (TestAnswersShareNothing).
type draft struct {
	status  spb.Status
	anys    [maxDetails]anypb.Any
	details [maxDetails]*anypb.Any
	values  []byte // those of all details, one after the other
}

// maxDetails is how many types of detail there are; each comes at most once.
const maxDetails = 6

// drafts are the sheets that nobody writes on.
var drafts sync.Pool

// takeDraft returns a sheet, to be put back afterwards.
func takeDraft() *draft {
	d, used := drafts.Get().(*draft)
	if !used {
		d = new(draft)
		for i := range d.details {
			d.details[i] = &d.anys[i]
		}
	}
	return d
}

// begin writes a status without details over whatever is there.
func (d *draft) begin(code int32, message string) {
	d.status.Code, d.status.Message = code, message
	d.status.Details, d.values = d.details[:0], d.values[:0]
}

// add adds a detail, whose value was appended to d.values.
func (d *draft) add(url string, values []byte) {
	n := len(d.status.Details)
	d.anys[n].TypeUrl, d.anys[n].Value = url, values[len(d.values):]
	d.status.Details = d.details[:n+1]
	d.values = values
}

// size returns how long the status is on the wire, as proto.Size does.
func (d *draft) size() int {
	size := sizeNumber(uint64(d.status.Code)) + sizeTexts(d.status.Message)
	for _, detail := range d.status.Details {
		size += sizeNested(sizeTexts(detail.TypeUrl) + sizeBytes(len(detail.Value)))
	}
	return size
}
