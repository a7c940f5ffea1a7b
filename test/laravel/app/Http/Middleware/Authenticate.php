<?php

namespace App\Http\Middleware;

use Illuminate\Auth\Middleware\Authenticate as Middleware;

class Authenticate extends Middleware
{
    /** Where those go who do not ask for JSON. */
    protected function redirectTo($request)
    {
        return $request->expectsJson() ? null : url('/login');
    }
}
