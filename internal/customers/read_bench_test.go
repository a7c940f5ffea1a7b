package customers

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pelcrov1 "github.com/pelcro-grpc/pelcro-grpc/gen/pelcro/v1"
	"github.com/pelcro-grpc/pelcro-grpc/internal/rawjson"
)

// ordinary is a customer as Pelcro sends it, with every attribute.
const ordinary = `{"id":1001,"email":"ada.lovelace@example.com","first_name":"Ada","last_name":"Lovelace","name":"Ada Lovelace",` +
	`"display_name":"Ada","username":"ada","phone":"+49 30 1234567","salutation":"Ms","title":"Countess","tin":null,` +
	`"organization":77,"addresses":[],"subscriptions":[],"default_source_id":null,"default_source":null,` +
	`"email_confirm":true,"email_hardbounce":false,"phone_confirm":null,"mail_marketing":true,"tele_marketing":false,` +
	`"has_password":1,"is_imported":0,"metadata":{"plan":"gold","region":"z\u00fcrich\/west","seats":12},` +
	`"old_provider_id":"crm-4711","password_last_updated_at":1714554000,"last_login_at":1732270000,` +
	`"created_at":1714554000,"updated_at":1732270000,"deleted_at":null}`

// pageOf is the body of a list of n such customers.
func pageOf(n int) []byte {
	return []byte(`{"data":[` + strings.Repeat(ordinary+`,`, n-1) + ordinary + `],"links":{"first":"x","last":"x","prev":null,"next":null},` +
		`"meta":{"current_page":1,"from":1,"last_page":10,"path":"x","per_page":100,"to":100,"total":1000}}`)
}

// BenchmarkRead turns the body of a success into messages: as the handlers do (read), and by
// encoding/json, field by field, which tolerates nothing (plain).
func BenchmarkRead(b *testing.B) {
	one, list := []byte(`{"data":`+ordinary+`}`), pageOf(100)
	for _, bench := range []struct {
		name string
		body []byte
		read func(body []byte) error
	}{
		{"customer/by=plain", one, func(body []byte) error {
			var reply struct{ Data plainCustomer }
			err := json.Unmarshal(body, &reply)
			if err == nil {
				_, err = reply.Data.message()
			}
			return err
		}},
		{"customer/by=read", one, func(body []byte) error {
			document, err := rawjson.Parse(body)
			if err == nil {
				_, err = readCustomer(document.Member("data"))
			}
			return err
		}},
		{"list/by=plain", list, func(body []byte) error {
			var reply struct{ Data []plainCustomer }
			err := json.Unmarshal(body, &reply)
			customers := make([]*pelcrov1.Customer, len(reply.Data))
			for i := 0; i < len(customers) && err == nil; i++ {
				customers[i], err = reply.Data[i].message()
			}
			return err
		}},
		{"list/by=read", list, func(body []byte) error {
			document, err := rawjson.Parse(body)
			if err == nil {
				_, err = readCustomers(document.Member("data"))
			}
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.read(bench.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// plainCustomer is a customer whose attributes all have the documented type.
type plainCustomer struct {
	ID                    int64            `json:"id"`
	Email                 *string          `json:"email"`
	FirstName             *string          `json:"first_name"`
	LastName              *string          `json:"last_name"`
	Name                  *string          `json:"name"`
	DisplayName           *string          `json:"display_name"`
	Username              *string          `json:"username"`
	Phone                 *string          `json:"phone"`
	Salutation            *string          `json:"salutation"`
	Title                 *string          `json:"title"`
	TIN                   *string          `json:"tin"`
	Organization          *int64           `json:"organization"`
	Addresses             []map[string]any `json:"addresses"`
	Subscriptions         []map[string]any `json:"subscriptions"`
	DefaultSourceID       *int64           `json:"default_source_id"`
	DefaultSource         map[string]any   `json:"default_source"`
	EmailConfirm          *bool            `json:"email_confirm"`
	EmailHardbounce       *bool            `json:"email_hardbounce"`
	PhoneConfirm          *bool            `json:"phone_confirm"`
	MailMarketing         *bool            `json:"mail_marketing"`
	TeleMarketing         *bool            `json:"tele_marketing"`
	HasPassword           *int             `json:"has_password"`
	IsImported            *int             `json:"is_imported"`
	Metadata              map[string]any   `json:"metadata"`
	OldProviderID         *string          `json:"old_provider_id"`
	PasswordLastUpdatedAt *int64           `json:"password_last_updated_at"`
	LastLoginAt           *int64           `json:"last_login_at"`
	CreatedAt             *int64           `json:"created_at"`
	UpdatedAt             *int64           `json:"updated_at"`
	DeletedAt             *int64           `json:"deleted_at"`
}

func (c *plainCustomer) message() (*pelcrov1.Customer, error) {
	metadata, err := structpb.NewStruct(c.Metadata)
	return &pelcrov1.Customer{
		Id: c.ID, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, Name: c.Name, DisplayName: c.DisplayName,
		Username: c.Username, Phone: c.Phone, Salutation: c.Salutation, Title: c.Title, Tin: c.TIN, OrganizationId: c.Organization,
		DefaultSourceId: c.DefaultSourceID, EmailConfirm: c.EmailConfirm, EmailHardbounce: c.EmailHardbounce,
		PhoneConfirm: c.PhoneConfirm, MailMarketing: c.MailMarketing, TeleMarketing: c.TeleMarketing,
		HasPassword: isOne(c.HasPassword), IsImported: isOne(c.IsImported), Metadata: metadata, OldProviderId: c.OldProviderID,
		PasswordLastUpdatedAt: at(c.PasswordLastUpdatedAt), LastLoginAt: at(c.LastLoginAt),
		CreatedAt: at(c.CreatedAt), UpdatedAt: at(c.UpdatedAt), DeletedAt: at(c.DeletedAt),
	}, err
}

func isOne(n *int) *bool {
	if n == nil {
		return nil
	}
	return new(*n == 1)
}

func at(seconds *int64) *timestamppb.Timestamp {
	if seconds == nil {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: *seconds}
}
