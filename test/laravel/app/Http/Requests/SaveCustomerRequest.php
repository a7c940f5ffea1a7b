<?php

namespace App\Http\Requests;

use App\Models\Customer;
use App\Rules\Phone;
use Egulias\EmailValidator\Validation\DNSCheckValidation;
use Illuminate\Foundation\Http\FormRequest;
use Illuminate\Support\Arr;
use Illuminate\Support\Str;
use Illuminate\Validation\Rule;

/** The body of a create or an update. PUT is a partial update. */
class SaveCustomerRequest extends FormRequest
{
    private const IDENTITIES = ['email', 'old_provider_id', 'display_name'];

    private const ATTRIBUTES = [
        'email', 'first_name', 'last_name', 'display_name', 'username', 'phone', 'salutation', 'title', 'tin',
        'tele_marketing', 'mail_marketing', 'email_hardbounce', 'old_provider_id', 'default_source_id',
    ];

    public function rules()
    {
        $customer = $this->route('customer');
        $free = Rule::unique('customers')->ignore($customer);

        return [
            'email' => [...$this->oneOfThree($customer), 'nullable', 'string', $this->emailRule(), $free],
            'first_name' => ['nullable', 'string', 'max:255'],
            'last_name' => ['nullable', 'string', 'max:255'],
            'display_name' => ['nullable', 'string', 'max:100'],
            'username' => ['nullable', 'string', 'alpha_dash', $free],
            'phone' => ['nullable', 'string', new Phone],
            'salutation' => ['nullable', 'string'],
            'title' => ['nullable', 'string'],
            'tin' => ['nullable', 'string'],
            'organization' => ['nullable', 'integer', Rule::exists('organizations', 'id')],
            'tele_marketing' => ['nullable', 'boolean'],
            'mail_marketing' => ['nullable', 'boolean'],
            'email_hardbounce' => ['nullable', 'boolean'],
            // No limit is documented; these are those of Stripe, which Pelcro uses.
            'metadata' => ['nullable', 'array', 'max:50'],
            'metadata.*' => ['nullable', 'max:500'],
            'metadata.*.*' => ['nullable', 'max:500'],
            'old_provider_id' => ['nullable', 'string', $free],
        ] + ($customer ? [
            'default_source_id' => ['nullable', 'integer', Rule::exists('sources', 'id')->where('customer_id', $customer->id)],
        ] : []) + [
            'skip_email_dns_validations' => ['nullable', 'boolean'],
            'password' => ['required_with:password_type', 'nullable', 'string'],
            'password_type' => ['nullable', Rule::in(['password_bcrypt'])],
            'import_payment_methods' => ['nullable', 'boolean'],
            'payment_gateway_id' => [
                Rule::requiredIf($this->boolean('import_payment_methods')), 'nullable', 'bail', 'string', 'starts_with:cus_',
            ],
        ];
    }

    /** One of the three must remain, so an update that does not change one needs none. */
    private function oneOfThree(?Customer $customer): array
    {
        foreach (self::IDENTITIES as $identity) {
            if ($customer && $customer->$identity !== null && ! $this->has($identity)) {
                return [];
            }
        }

        return ['required_without_all:old_provider_id,display_name'];
    }

    /**
     * Laravel's own check of the domain, but only for its list of reserved names, so
     * that there are no DNS queries.
     */
    private function emailRule(): string
    {
        $domain = is_string($this->input('email')) ? Str::lower(Str::afterLast($this->input('email'), '@')) : '';
        $reserved = in_array(Str::afterLast($domain, '.'), DNSCheckValidation::RESERVED_DNS_TOP_LEVEL_NAMES, true);
        $skipped = filter_var($this->input('skip_email_dns_validations'), FILTER_VALIDATE_BOOLEAN);

        return $reserved && ! $skipped ? 'email:rfc,dns' : 'email:rfc';
    }

    /** Stores the fields of the request and no others. */
    public function save(Customer $customer): Customer
    {
        $valid = $this->validated();

        $customer->fill(Arr::only($valid, self::ATTRIBUTES));
        if (isset($valid['phone'])) {
            $customer->phone = Phone::digits($valid['phone']);
        }
        if (array_key_exists('organization', $valid)) {
            $customer->organization_id = $valid['organization'];
        }
        if (array_key_exists('metadata', $valid)) {
            $customer->mergeMetadata($valid['metadata']);
        }
        if (isset($valid['password'])) {
            $customer->setPassword($valid['password']);
        }
        $customer->exists ? $customer->touch() : $customer->save();

        return $customer->refresh()->unsetRelations();
    }
}
