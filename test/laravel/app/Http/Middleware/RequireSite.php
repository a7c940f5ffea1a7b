<?php

namespace App\Http\Middleware;

use Closure;
use Illuminate\Auth\Access\AuthorizationException;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Validator;

/**
 * Every call names its site in the query. What Pelcro answers to a missing or foreign
 * one is not documented; these are Laravel's ways to say it.
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
