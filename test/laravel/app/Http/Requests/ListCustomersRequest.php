<?php

namespace App\Http\Requests;

use App\Models\Customer;
use App\Rules\FilterExpression;
use App\Rules\ListOf;

/**
 * The query of a list. What Pelcro does with a limit above its maximum, and with an
 * unknown sort or filter, is not documented: the limit is capped, the rest rejected.
 */
class ListCustomersRequest extends ReadCustomerRequest
{
    private const DEFAULT_LIMIT = 10;

    private const MAX_LIMIT = 100;

    public function rules()
    {
        return [
            'page' => ['nullable', 'integer', 'min:1'],
            'limit' => ['nullable', 'integer', 'min:1'],
            'sort' => ['nullable', new ListOf(['id', '-id', 'email', '-email'])],
            'filter' => ['nullable', 'array'],
            'filter.*' => ['nullable', new FilterExpression],
        ] + parent::rules();
    }

    public function limit(): int
    {
        return min((int) ($this->query('limit') ?? self::DEFAULT_LIMIT), self::MAX_LIMIT);
    }

    public function customers()
    {
        $query = Customer::query()->with($this->relations());
        $query->where(fn ($conditions) => FilterExpression::apply($conditions, $this->query('filter') ?? []));
        foreach (ListOf::split($this->query('sort')) as $sort) {
            $query->orderBy(ltrim($sort, '-'), $sort[0] === '-' ? 'desc' : 'asc');
        }

        return $query->orderBy('id');
    }
}
