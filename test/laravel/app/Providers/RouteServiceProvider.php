<?php

namespace App\Providers;

use Illuminate\Cache\RateLimiting\Limit;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider as ServiceProvider;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\RateLimiter;
use Illuminate\Support\Facades\Route;

class RouteServiceProvider extends ServiceProvider
{
    public function boot()
    {
        RateLimiter::for('api', fn (Request $request) => Limit::perMinute(config('pelcro.requests_per_minute'))
            ->by($request->user()->id));

        $this->routes(fn () => Route::prefix('api/v1/core')->middleware('api')->group(base_path('routes/api.php')));
    }
}
