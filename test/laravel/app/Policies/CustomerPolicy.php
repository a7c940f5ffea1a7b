<?php

namespace App\Policies;

use App\Models\ApiKey;
use App\Models\Customer;

/** A read-only key can only read. */
class CustomerPolicy
{
    public function viewAny(ApiKey $key)
    {
        return true;
    }

    public function view(ApiKey $key, Customer $customer)
    {
        return true;
    }

    public function create(ApiKey $key)
    {
        return ! $key->read_only;
    }

    public function update(ApiKey $key, Customer $customer)
    {
        return ! $key->read_only;
    }

    public function delete(ApiKey $key, Customer $customer)
    {
        return ! $key->read_only;
    }
}
