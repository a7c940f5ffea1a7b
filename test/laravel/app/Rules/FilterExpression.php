<?php

namespace App\Rules;

use Illuminate\Contracts\Validation\Rule;
use Illuminate\Support\Str;

/**
 * filter[ATTRIBUTE]=OPERATOR:VALUE,VALUE, as Pelcro documents it. One of several values
 * must match. A text before the first colon that is not an operator is part of the value.
 */
class FilterExpression implements Rule
{
    private const OPERATORS = ['eq', 'oreq', 'like', 'orlike', 'has', 'orhas'];

    public function passes($attribute, $value)
    {
        $attribute = Str::after($attribute, '.');
        [$operator] = self::parse((string) $value);
        if ($attribute === 'metadata' || Str::endsWith($operator, 'has')) {
            return $attribute === 'metadata' && Str::endsWith($operator, 'has');
        }

        return in_array($attribute, ['id', 'email', 'first_name', 'last_name'], true)
            || Str::startsWith($attribute, 'metadata.') && $attribute !== 'metadata.';
    }

    public function message()
    {
        return trans('validation.in');
    }

    /** A customer is listed if all plain conditions hold, or one of those marked "or". */
    public static function apply($query, array $filters): void
    {
        $filters = array_map([self::class, 'parse'], array_filter($filters, 'is_string'));
        $isOr = fn ($filter) => Str::startsWith($filter[0], 'or');
        $query->where(function ($all) use ($filters, $isOr) {
            foreach ($filters as $attribute => $filter) {
                if (! $isOr($filter)) {
                    $all->where(fn ($any) => self::condition($any, $attribute, ...$filter));
                }
            }
        });
        $anyOf = array_filter($filters, $isOr);
        if ($anyOf !== [] && count($anyOf) === count($filters)) {
            $query->whereRaw('0');
        }
        foreach ($anyOf as $attribute => $filter) {
            $query->orWhere(fn ($any) => self::condition($any, $attribute, ...$filter));
        }
    }

    private static function parse(string $expression): array
    {
        [$operator, $values] = array_pad(explode(':', $expression, 2), 2, null);
        if ($values === null || ! in_array($operator, self::OPERATORS, true)) {
            [$operator, $values] = ['eq', $expression];
        }

        return [$operator, explode(',', $values)];
    }

    private static function condition($query, string $attribute, string $operator, array $values): void
    {
        $key = Str::startsWith($attribute, 'metadata.') ? Str::after($attribute, '.') : null;
        foreach ($values as $value) {
            if ($attribute === 'metadata') {
                $query->orWhereRaw('json_type(metadata, ?) is not null', [self::path($value)]);
            } elseif (Str::endsWith($operator, 'like')) {
                $query->orWhereRaw('instr(lower('.self::column($attribute, $key).'), lower(?)) > 0', self::bindings($key, $value));
            } else {
                $query->orWhereRaw(self::column($attribute, $key).' = ? collate nocase', self::bindings($key, $value));
            }
        }
    }

    /** A text in metadata is compared as it is, any other value as JSON, and an id as a text. */
    private static function column(string $attribute, ?string $key): string
    {
        if ($attribute === 'id') {
            return 'cast(id as text)';
        }

        return $key === null ? $attribute : "iif(json_type(metadata, ?) = 'text', json_extract(metadata, ?), json(metadata -> ?))";
    }

    private static function bindings(?string $key, string $value): array
    {
        return $key === null ? [$value] : [...array_fill(0, 3, self::path($key)), $value];
    }

    private static function path(string $key): string
    {
        return '$."'.str_replace('"', '\"', $key).'"';
    }
}
