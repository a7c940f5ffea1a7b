<?php

namespace App\Providers;

use App\Models\ApiKey;
use App\Models\Customer;
use App\Policies\CustomerPolicy;
use Illuminate\Foundation\Support\Providers\AuthServiceProvider as ServiceProvider;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;

class AuthServiceProvider extends ServiceProvider
{
    protected $policies = [Customer::class => CustomerPolicy::class];

    public function boot()
    {
        $this->registerPolicies();

        Auth::viaRequest('api-key', fn (Request $request) => ApiKey::of($request->bearerToken()));
    }
}
