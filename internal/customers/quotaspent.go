package customers

import (
	"context"
	"fmt"
	"strings"
	"time"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/pelcro"
	"github.com/pelcro-grpc/pelcro-grpc/server"
)

// quotaSpentID is the customer for whom the service shows the error of a call that the quota has no
// place for, when it runs against a sandbox. The error is this service's own, not Pelcro's, so the
// sandbox knows nothing of it.
const quotaSpentID = 605

// errQuotaSpent is what the quota would say.
var errQuotaSpent = &pelcro.Error{Call: "(sandbox)", Outcome: pelcro.RateLimited, RetryAfter: 20 * time.Second, Limit: 120}

// SandboxService is [Service] that also shows that error.
func SandboxService(client *pelcro.Client, config Config) server.Service {
	showing := Service(client, config)
	showing.Handler = quotaSpent{showing.Handler.(*service)} //nolint:forcetypeassert // Service makes it
	return showing
}

type quotaSpent struct{ pelcrov1.CustomerServiceServer }

func (s quotaSpent) GetCustomer(ctx context.Context, req *pelcrov1.GetCustomerRequest) (*pelcrov1.GetCustomerResponse, error) {
	if req.GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.GetCustomer(ctx, req)
}

func (s quotaSpent) CreateCustomer(ctx context.Context, req *pelcrov1.CreateCustomerRequest) (*pelcrov1.CreateCustomerResponse, error) {
	if strings.HasPrefix(req.GetCustomer().GetEmail(), fmt.Sprintf("http-%d@", quotaSpentID)) {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.CreateCustomer(ctx, req)
}

func (s quotaSpent) UpdateCustomer(ctx context.Context, req *pelcrov1.UpdateCustomerRequest) (*pelcrov1.UpdateCustomerResponse, error) {
	if req.GetCustomer().GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.UpdateCustomer(ctx, req)
}

func (s quotaSpent) DeleteCustomer(ctx context.Context, req *pelcrov1.DeleteCustomerRequest) (*pelcrov1.DeleteCustomerResponse, error) {
	if req.GetId() == quotaSpentID {
		return nil, errQuotaSpent
	}
	return s.CustomerServiceServer.DeleteCustomer(ctx, req)
}
