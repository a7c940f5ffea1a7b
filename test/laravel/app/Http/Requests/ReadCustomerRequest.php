<?php

namespace App\Http\Requests;

use App\Rules\ListOf;
use Illuminate\Foundation\Http\FormRequest;

/** The query of a read. Unknown relations are rejected; what Pelcro does is not documented. */
class ReadCustomerRequest extends FormRequest
{
    private const RELATIONS = ['addresses', 'defaultSource', 'organization', 'subscriptions'];

    public function validationData()
    {
        return $this->query();
    }

    public function rules()
    {
        return ['expand' => ['nullable', new ListOf(self::RELATIONS)]];
    }

    public function relations(): array
    {
        return ListOf::split($this->query('expand'));
    }
}
