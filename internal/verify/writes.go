package verify

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
	"github.com/pelcro-grpc/pelcro-grpc/mapping"
)

// trial is the customer that writes creates, changes and deletes.
type trial struct {
	*run

	id        int64
	requestID string
	email     string
}

// writes creates a customer in the site for writes, finds it by its request_id, changes and deletes
// it. Once it was created it is deleted, whatever the other requests come to.
func (r *run) writes(ctx context.Context) {
	t := &trial{run: r, requestID: uuid.NewString()}
	t.email = "pelcro-grpc-check-" + t.requestID + "@example.com"
	if !t.create(ctx) {
		return
	}
	if t.find(ctx) && t.createAgain(ctx) {
		t.update(ctx)
	}
	t.delete(context.WithoutCancel(ctx))
}

func (t *trial) body() map[string]any {
	return map[string]any{
		"email": t.email, "skip_email_dns_validations": true, "first_name": "Pelcro-grpc", "last_name": "Check",
		"metadata": map[string]any{t.RequestIDKey: t.requestID, "kept": "kept", "removed": "removed"},
	}
}

func (t *trial) write(method, template string, id int64, body map[string]any) pelcro.RawRequest {
	return pelcro.RawRequest{Method: method, Template: template, ID: id, SiteID: t.Writes, Body: body}
}

// create reports whether there is a customer to go on with.
func (t *trial) create(ctx context.Context) bool {
	e, ok := t.ask(ctx, question{
		name: "a new customer", operation: "CreateCustomer", features: []string{writes},
		request: t.write(http.MethodPost, allCustomers, 0, t.body()),
	})
	if !ok {
		if e != nil && e.result.Outcome() == mapping.OutcomeUnknown {
			t.report.Aborted += t.byHand()
		}
		return false
	}
	t.id, _ = e.response.JSON.Member("data").Member("id").Integer()
	if !e.result.OK() || t.id == 0 {
		note := "CreateCustomer fails"
		if e.result.Outcome() != mapping.OutcomeRejected {
			note += "." + t.byHand()
		}
		e.differs("a customer cannot be created: "+e.got()+", "+e.status(), effect(writes, Fails, note))
		return false
	}
	return true
}

// byHand is what to do about a customer that may exist.
func (t *trial) byHand() string {
	return " A customer with the email " + t.email + " may exist: look for it and delete it by hand."
}

// find looks for the customer as a retry of its create does.
func (t *trial) find(ctx context.Context) bool {
	request := filtered("metadata."+t.RequestIDKey, t.requestID, 2)
	request.SiteID = t.Writes
	e, ok := t.ask(ctx, question{name: "the new customer by request_id", operation: list, features: []string{requestID}, request: request})
	if !ok || e == nil {
		return ok
	}
	if got := ids(e.response.JSON.Member("data")); !e.result.OK() || len(got) != 1 || got[0] != t.id {
		e.differs("the new customer is not found by its request_id", effect(requestID, Fails, "a create is never repeated: its outcome stays unknown"))
	}
	return true
}

func (t *trial) createAgain(ctx context.Context) bool {
	e, ok := t.ask(ctx, question{
		name: "the same customer again", operation: "CreateCustomer", features: []string{writes},
		request: t.write(http.MethodPost, allCustomers, 0, t.body()),
	})
	if !ok {
		return false
	}
	taken := pelcrov1.FieldViolationReason_FIELD_ALREADY_TAKEN.String()
	switch {
	case e.result.OK():
		id, _ := e.response.JSON.Member("data").Member("id").Integer()
		e.differs("a second customer with the same email is created", effect(writes, Limited, "a repeated create makes a second customer"))
		if id != 0 {
			second := *t
			second.id = id
			second.delete(context.WithoutCancel(ctx))
		}
	case len(e.Violations) != 1 || e.Violations[0].Field != "customer.email" || e.Violations[0].Reason != taken:
		e.differs("an email that is taken is "+e.got()+", "+e.status(), effect(writes, Limited, "callers do not get FIELD_ALREADY_TAKEN for customer.email"))
	default:
		t.checkValidation(e)
	}
	return true
}

// update clears a name and changes the metadata.
func (t *trial) update(ctx context.Context) {
	e, ok := t.ask(ctx, question{
		name: "a changed customer", operation: "UpdateCustomer", features: []string{writes},
		request: t.write(http.MethodPut, oneCustomer, t.id, map[string]any{
			"first_name": nil, "metadata": map[string]any{"removed": nil, "added": "added"},
		}),
	})
	if !ok {
		return
	}
	data := e.response.JSON.Member("data")
	metadata := data.Member("metadata")
	switch {
	case !e.result.OK():
		e.differs("the customer cannot be changed: "+e.got()+", "+e.status(), effect(writes, Fails, "UpdateCustomer fails"))
		return
	case !data.Member("first_name").IsNull():
		e.differs("null does not clear a name", effect(writes, Limited, "UpdateCustomer cannot clear fields"))
	}
	if !metadata.Member("removed").IsZero() {
		e.differs("null does not remove a key of metadata", effect(writes, Limited, "UpdateCustomer cannot remove keys"))
	}
	if textOf(metadata, "kept") != "kept" || textOf(metadata, "added") != "added" {
		e.differs("metadata is not merged", effect(writes, Limited, "UpdateCustomer replaces all metadata"))
	}
	if textOf(data, "last_name") != "Check" {
		e.differs("attributes that are not sent are changed", effect(writes, Fails, "UpdateCustomer clears what it does not name"))
	}
}

func textOf(object rawjson.Value, name string) string {
	text, _ := object.Member(name).Text()
	return text
}

// delete deletes the customer and looks whether it is gone.
func (t *trial) delete(ctx context.Context) {
	e, ok := t.ask(ctx, question{
		name: "the customer deleted", operation: "DeleteCustomer", features: []string{writes},
		request: t.write(http.MethodDelete, oneCustomer, t.id, nil),
	})
	if !ok {
		return
	}
	if !e.result.OK() {
		e.differs("the customer cannot be deleted: "+e.got()+", "+e.status(),
			effect(writes, Fails, "DeleteCustomer fails; delete "+t.email+" by hand"))
		return
	}
	e, ok = t.ask(ctx, question{
		name: "the deleted customer", operation: get, features: []string{writes},
		request: t.write(http.MethodGet, oneCustomer, t.id, nil),
	})
	if ok && e != nil && e.Reason != pelcrov1.ErrorReason_PELCRO_NOT_FOUND.String() {
		e.differs("a deleted customer is "+e.got(), effect(writes, Limited, "a repeated delete does not end with PELCRO_NOT_FOUND"))
	}
}
