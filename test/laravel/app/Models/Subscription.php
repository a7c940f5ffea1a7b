<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class Subscription extends Model
{
    public $timestamps = false;

    protected $guarded = [];

    /** The documentation shows other booleans of a subscription as 0 and 1. */
    protected $casts = [
        'is_membership' => 'boolean',
        'is_gift_donor' => 'boolean',
        'is_gift_recipient' => 'boolean',
        'address_required' => 'boolean',
        'metadata' => 'array',
    ];
}
