<?php

namespace App\Http\Middleware;

use Closure;
use Illuminate\Auth\Access\AuthorizationException;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Validator;

/**
 * Every request names its site in the query. Pelcro's response to a missing or foreign
 * site is not documented; these are Laravel's usual ones.
 */
class RequireSite
{
    public function handle(Request $request, Closure $next)
    {
        Validator::make($request->query(), ['site_id' => ['required', 'integer']])->validate();

        if ((int) $request->query('site_id') !== $request->user()->site_id) {
            throw new AuthorizationException;
        }

        return $next($request);
    }
}
