<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class Source extends Model
{
    public $timestamps = false;

    protected $guarded = [];

    protected $hidden = ['customer_id'];
}
