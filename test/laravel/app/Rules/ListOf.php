<?php

namespace App\Rules;

use Illuminate\Contracts\Validation\Rule;

/** A list of known words, separated by commas. */
class ListOf implements Rule
{
    public function __construct(private array $words)
    {
    }

    public static function split(?string $list): array
    {
        return $list === null ? [] : array_map('trim', explode(',', $list));
    }

    public function passes($attribute, $value)
    {
        return is_string($value) && array_diff(self::split($value), $this->words) === [];
    }

    public function message()
    {
        return trans('validation.in');
    }
}
