<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\Eloquent\SoftDeletes;

class Customer extends Model
{
    use SoftDeletes;

    protected $dateFormat = 'U';

    protected $guarded = [];

    protected $casts = [
        'email_confirm' => 'boolean',
        'email_hardbounce' => 'boolean',
        'phone_confirm' => 'boolean',
        'mail_marketing' => 'boolean',
        'tele_marketing' => 'boolean',
        'metadata' => 'array',
    ];

    /** A new customer has empty metadata. */
    protected $attributes = ['metadata' => '[]', 'has_password' => 0, 'is_imported' => 0];

    public function organization()
    {
        return $this->belongsTo(Organization::class);
    }

    public function addresses()
    {
        return $this->hasMany(Address::class, 'user_id');
    }

    public function sources()
    {
        return $this->hasMany(Source::class);
    }

    public function defaultSource()
    {
        return $this->belongsTo(Source::class);
    }

    public function subscriptions()
    {
        return $this->hasMany(Subscription::class, 'user_id');
    }

    public function getNameAttribute()
    {
        $parts = array_filter([$this->first_name, $this->last_name], 'is_string');

        return $parts === [] ? null : implode(' ', $parts);
    }

    /** Missing keys stay, keys with null are removed, null as the whole value removes all. */
    public function mergeMetadata(?array $sent): void
    {
        $this->metadata = $sent === null ? null : array_filter(
            array_replace($this->metadata ?? [], $sent),
            fn ($value) => $value !== null,
        );
    }

    public function setPassword(string $password): void
    {
        $this->password = $password;
        $this->has_password = 1;
        $this->password_last_updated_at = time();
    }
}
