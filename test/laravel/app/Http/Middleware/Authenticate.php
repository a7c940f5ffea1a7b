<?php

namespace App\Http\Middleware;

use Illuminate\Auth\Middleware\Authenticate as Middleware;

class Authenticate extends Middleware
{
    /** The redirect for requests that do not accept JSON. */
    protected function redirectTo($request)
    {
        return $request->expectsJson() ? null : url('/login');
    }
}
