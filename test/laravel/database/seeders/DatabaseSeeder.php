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

        Address::create(['id' => 2001, 'customer_id' => 1001, 'type' => 'billing', 'line1' => "12 St James's Square", 'city' => 'London', 'country' => 'GB', 'postal_code' => 'SW1Y 4JH', 'is_default' => true]);
        Address::create(['id' => 2002, 'customer_id' => 1001, 'type' => 'shipping', 'line1' => '1 Main St', 'line2' => 'Apt 4', 'city' => 'Albany', 'state' => 'NY', 'country' => 'US', 'postal_code' => '12207']);
        Source::create(['id' => 3001, 'customer_id' => 1001, 'brand' => 'Visa', 'last4' => '4242', 'exp_month' => 12, 'exp_year' => 2030]);
        Source::create(['id' => 3002, 'customer_id' => 1001, 'brand' => 'MasterCard', 'last4' => '4444', 'exp_month' => 1, 'exp_year' => 2031]);
        Source::create(['id' => 3003, 'customer_id' => 1008, 'brand' => 'American Express', 'last4' => '0005', 'exp_month' => 6, 'exp_year' => 2029]);
        Subscription::create(['id' => 4001, 'customer_id' => 1001, 'status' => 'active', 'current_period_end' => 1767225600]);
        Subscription::create(['id' => 4002, 'customer_id' => 1001, 'status' => 'canceled', 'cancel_at_period_end' => 1, 'current_period_end' => 1735689600]);
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
