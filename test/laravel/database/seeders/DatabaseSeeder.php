<?php

namespace Database\Seeders;

use App\Models\Address;
use App\Models\ApiKey;
use App\Models\Customer;
use App\Models\Organization;
use App\Models\Source;
use App\Models\Subscription;
use Illuminate\Database\Seeder;

/** The customers of the sandbox, so that the two can be compared. */
class DatabaseSeeder extends Seeder
{
    public function run()
    {
        foreach ([
            ['hash' => hash('sha256', 'sandbox-key')],
            ['hash' => hash('sha256', 'read-only-key'), 'read_only' => true],
            ['hash' => hash('sha256', 'expired-key'), 'expires_at' => 1704067200],
        ] as $key) {
            ApiKey::create($key + ['site_id' => 1]);
        }

        Organization::create(['id' => 5001, 'name' => 'Analytical Engines Ltd', 'created_at' => 1688203800]);
        Organization::create(['id' => 5002, 'name' => 'Café Zürich', 'created_at' => 1701428400]);

        Customer::withoutEvents(function () {
            foreach ($this->customers() as $i => $customer) {
                $customer += ['id' => 1001 + $i];
                (new Customer)->forceFill($customer)->save(['timestamps' => false]);
            }
        });

        Address::create([
            'id' => 2001, 'user_id' => 1001, 'type' => 'billing', 'is_default' => true, 'first_name' => 'Ada',
            'last_name' => 'Lovelace', 'salutation' => 'Ms', 'title' => 'Analyst', 'company' => 'Analytical Engines Ltd',
            'department' => 'R&D', 'line1' => "12 St James's Square", 'city' => 'London', 'country' => 'GB',
            'postal_code' => 'SW1Y 4JH', 'phone' => '442079460001', 'old_provider_id' => 'legacy-address-1',
            'created_at' => 1704099600, 'updated_at' => 1735689600,
        ]);
        Address::create([
            'id' => 2002, 'user_id' => 1001, 'type' => 'shipping', 'is_default' => false, 'line1' => '1 Main St',
            'line2' => 'Apt 4', 'city' => 'Albany', 'state' => 'NY', 'country' => 'US', 'postal_code' => '12207',
            'created_at' => 1704099600, 'updated_at' => 1704099600,
        ]);
        Source::create([
            'id' => 3001, 'customer_id' => 1001, 'status' => 'chargeable', 'object_gateway' => 'stripe',
            'object_id' => 'card_3001', 'exp_month' => 12, 'exp_year' => 2030, 'brand' => 'Visa', 'country' => 'US',
            'cvc_check' => true, 'address_zip_check' => true, 'address_line1_check' => false, 'fingerprint' => 'fp3001',
            'funding' => 'credit', 'last4' => '4242', 'dynamic_last4' => '0042', 'three_d_secure' => false,
            'name' => 'Ada Lovelace', 'tokenization_method' => 'apple_pay', 'properties' => ['wallet' => 'phone'],
            'created_at' => 1704099600, 'updated_at' => 1735689600,
        ]);
        Source::create([
            'id' => 3002, 'customer_id' => 1001, 'status' => 'consumed', 'object_gateway' => 'stripe',
            'object_id' => 'card_3002', 'exp_month' => 1, 'exp_year' => 2031, 'brand' => 'MasterCard', 'last4' => '4444',
            'created_at' => 1704099600, 'updated_at' => 1704099600, 'deleted_at' => 1706778000,
        ]);
        Source::create([
            'id' => 3003, 'customer_id' => 1008, 'status' => 'chargeable', 'object_gateway' => 'stripe',
            'object_id' => 'card_3003', 'exp_month' => 6, 'exp_year' => 2029, 'brand' => 'American Express',
            'last4' => '0005', 'created_at' => 1722502800, 'updated_at' => 1722502800,
        ]);
        Subscription::create([
            'id' => 4001, 'user_id' => 1001, 'plan' => 6001, 'address' => 2002, 'coupon' => 6101, 'default_source' => 3001,
            'latest_invoice' => 6201, 'status' => 'active', 'type' => 'regular', 'is_membership' => false,
            'billing' => 'charge_automatically', 'quantity' => 2, 'auto_renew' => 1, 'cancel_at_period_end' => 0,
            'current_period_start' => 1735689600, 'current_period_end' => 1767225600, 'trial_start' => 1733011200,
            'trial_end' => 1735689600, 'address_required' => true, 'metadata' => ['channel' => 'web'],
            'created' => 1733011200,
        ]);
        Subscription::create([
            'id' => 4002, 'user_id' => 1001, 'plan' => 6002, 'status' => 'canceled', 'type' => 'gift_donor',
            'is_membership' => false, 'is_gift_donor' => true, 'is_gift_recipient' => false, 'gift_code' => 'GIFT-4002',
            'billing' => 'send_invoice', 'quantity' => 1, 'auto_renew' => 0, 'cancel_at_period_end' => 1,
            'cancel_at' => 1735689600, 'canceled_at' => 1733011200, 'cancel_reason' => 'moved abroad',
            'canceled_by' => 1001, 'canceled_by_type' => 'Customer', 'current_period_start' => 1704099600,
            'current_period_end' => 1735689600, 'ended_at' => 1735689600, 'days_until_due' => 30, 'due_date' => 1706778000,
            'address_required' => false, 'created' => 1704099600,
        ]);
    }

    private function customers(): array
    {
        return [
            [
                'email' => 'ada@example.com', 'first_name' => 'Ada', 'last_name' => 'Lovelace',
                'display_name' => 'Countess', 'username' => 'ada_l', 'phone' => '442079460001',
                'salutation' => 'Ms', 'title' => 'Analyst', 'tin' => 'GB123456789',
                'email_confirm' => true, 'email_hardbounce' => false, 'phone_confirm' => true,
                'mail_marketing' => true, 'tele_marketing' => false, 'old_provider_id' => 'legacy-1',
                'has_password' => 1, 'password_last_updated_at' => 1717232400, 'last_login_at' => 1735689600,
                'created_at' => 1704099600, 'updated_at' => 1735689600,
                'metadata' => ['plan' => 'gold', 'seats' => 3, 'beta' => true, 'color' => 'green'],
                'organization_id' => 5001, 'default_source_id' => 3001,
            ],
            [
                'email' => 'grace@example.com', 'first_name' => 'Grace', 'last_name' => 'Hopper',
                'email_confirm' => false, 'email_hardbounce' => false,
                'mail_marketing' => false, 'tele_marketing' => false,
                'created_at' => 1706778000, 'updated_at' => 1706778000,
                'metadata' => ['plan' => 'silver', 'tags' => ['navy', 'cobol'], 'score' => 4.5],
                'organization_id' => 5001,
            ],
            [
                'display_name' => 'anonymous reader',
                'created_at' => 1709283600, 'updated_at' => 1709283600,
            ],
            [
                'old_provider_id' => 'legacy-4', 'first_name' => 'Alan',
                'email_hardbounce' => false, 'mail_marketing' => true,
                'created_at' => 1711962000, 'updated_at' => 1711962000,
                'is_imported' => 1, 'metadata' => null,
            ],
            [
                'email' => 'zoe@example.org', 'first_name' => 'Zoë', 'last_name' => 'Müller',
                'display_name' => 'Zoë 🚲', 'username' => 'zoe-m', 'phone' => '41442100000',
                'title' => 'Dr.', 'email_confirm' => true, 'mail_marketing' => true,
                'created_at' => 1714554000, 'updated_at' => 1719824400,
                'metadata' => ['plan' => 'gold', 'region' => 'zürich/west'], 'organization_id' => 5002,
            ],
            [
                'email' => 'taken@example.com', 'username' => 'taken', 'old_provider_id' => 'old-1',
                'first_name' => 'Tom', 'last_name' => 'Taken',
                'has_password' => 1, 'password_last_updated_at' => 1717232400,
                'created_at' => 1717232400, 'updated_at' => 1717232400,
            ],
            [
                'email' => 'bounced@example.net', 'last_name' => 'Nobody',
                'email_hardbounce' => true, 'tele_marketing' => true,
                'created_at' => 1719824400, 'updated_at' => 1722502800,
                'metadata' => ['first', 'second'],
            ],
            [
                'email' => 'barbara@example.org', 'first_name' => 'Barbara', 'last_name' => 'Liskov',
                'email_confirm' => true, 'last_login_at' => 1730451600,
                'created_at' => 1722502800, 'updated_at' => 1730451600,
                'metadata' => ['plan' => 'silver', 'preferences' => ['theme' => 'dark']],
                'default_source_id' => 3003,
            ],
        ];
    }
}
