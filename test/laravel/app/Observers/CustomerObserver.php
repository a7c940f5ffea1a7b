<?php

namespace App\Observers;

use App\Models\Customer;

class CustomerObserver
{
    /**
     * Pelcro announces new customers through webhooks. Here the create waits for the
     * receiver, so that a test can interrupt it.
     */
    public function created(Customer $customer)
    {
        if ($url = config('pelcro.webhook')) {
            file_get_contents($url, false, stream_context_create(['http' => [
                'method' => 'POST',
                'header' => 'Content-Type: application/json',
                'content' => json_encode(['type' => 'customer.created', 'data' => ['id' => $customer->id]]),
                'timeout' => 60,
                'ignore_errors' => true,
            ]]));
        }
    }

    /** Deletes the related records of a customer. */
    public function deleting(Customer $customer)
    {
        $customer->addresses()->delete();
        $customer->sources()->delete();
        $customer->subscriptions()->delete();
    }
}
