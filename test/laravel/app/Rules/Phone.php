<?php

namespace App\Rules;

use Illuminate\Contracts\Validation\Rule;

/** Pelcro removes everything except digits; 5 to 20 must remain. */
class Phone implements Rule
{
    public static function digits(string $phone): string
    {
        return preg_replace('/[^0-9]/', '', $phone);
    }

    public function passes($attribute, $value)
    {
        $length = is_string($value) ? strlen(self::digits($value)) : 5;

        return $length >= 5 && $length <= 20;
    }

    public function message()
    {
        return trans('validation.digits_between', ['min' => 5, 'max' => 20]);
    }
}
