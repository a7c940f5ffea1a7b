<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class Source extends Model
{
    public $timestamps = false;

    protected $guarded = [];

    protected $hidden = ['customer_id'];

    protected $casts = [
        'cvc_check' => 'boolean',
        'address_zip_check' => 'boolean',
        'address_line1_check' => 'boolean',
        'three_d_secure' => 'boolean',
        'properties' => 'array',
    ];

    protected $attributes = ['properties' => '[]'];
}
