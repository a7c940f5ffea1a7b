<?php

namespace App\Models;

use Illuminate\Auth\Authenticatable;
use Illuminate\Contracts\Auth\Access\Authorizable as AuthorizableContract;
use Illuminate\Contracts\Auth\Authenticatable as AuthenticatableContract;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Foundation\Auth\Access\Authorizable;

class ApiKey extends Model implements AuthenticatableContract, AuthorizableContract
{
    use Authenticatable, Authorizable;

    public $timestamps = false;

    protected $guarded = [];

    protected $casts = ['site_id' => 'integer', 'read_only' => 'boolean'];

    /** The key of a request, unless it has expired. */
    public static function of(?string $token): ?self
    {
        return static::where('hash', hash('sha256', (string) $token))
            ->where(fn ($query) => $query->whereNull('expires_at')->orWhere('expires_at', '>', time()))
            ->first();
    }
}
