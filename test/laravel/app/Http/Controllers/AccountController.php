<?php

namespace App\Http\Controllers;

use Illuminate\Routing\Controller;

// The account of the API key, as far as Pelcro documents it.
class AccountController extends Controller
{
    public function __invoke()
    {
        return ['data' => [
            'id' => 1,
            'company' => 'Sandbox',
            'country' => 'CA',
            'default_currency' => 'cad',
            'is_enterprise' => false,
            'taxes_enabled' => false,
            'api_core_rate_limit' => config('pelcro.requests_per_minute'),
        ]];
    }
}
