<?php

namespace App\Http\Resources;

use Illuminate\Http\Resources\Json\JsonResource;

/**
 * Relations that the request does not expand are an id, a list of ids, or, for
 * subscriptions, absent: the documentation shows all three.
 */
class CustomerResource extends JsonResource
{
    public function toArray($request)
    {
        $expanded = fn (string $relation) => $this->resource->relationLoaded($relation);

        return [
            'id' => $this->id,
            'email' => $this->email,
            'first_name' => $this->first_name,
            'last_name' => $this->last_name,
            'name' => $this->name,
            'display_name' => $this->display_name,
            'username' => $this->username,
            'phone' => $this->phone,
            'salutation' => $this->salutation,
            'title' => $this->title,
            'tin' => $this->tin,
            'organization' => $expanded('organization') ? $this->organization : $this->organization_id,
            'addresses' => $expanded('addresses') ? $this->addresses : $this->addresses()->pluck('id'),
            'subscriptions' => $this->when($expanded('subscriptions'), fn () => $this->subscriptions),
            'default_source_id' => $this->default_source_id,
            'default_source' => $expanded('defaultSource') ? $this->defaultSource : $this->default_source_id,
            'email_confirm' => $this->email_confirm,
            'email_hardbounce' => $this->email_hardbounce,
            'phone_confirm' => $this->phone_confirm,
            'mail_marketing' => $this->mail_marketing,
            'tele_marketing' => $this->tele_marketing,
            'has_password' => $this->has_password,
            'is_imported' => $this->is_imported,
            'metadata' => $this->metadata,
            'old_provider_id' => $this->old_provider_id,
            'password_last_updated_at' => $this->password_last_updated_at,
            'last_login_at' => $this->last_login_at,
            'created_at' => $this->created_at->getTimestamp(),
            'updated_at' => $this->updated_at->getTimestamp(),
            'deleted_at' => optional($this->deleted_at)->getTimestamp(),
        ];
    }
}
