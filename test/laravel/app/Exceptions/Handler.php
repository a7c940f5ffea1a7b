<?php

namespace App\Exceptions;

use Illuminate\Foundation\Exceptions\Handler as ExceptionHandler;
use Illuminate\Validation\ValidationException;

class Handler extends ExceptionHandler
{
    /**
     * Pelcro documents 400 and errors without a message. Laravel itself renders all
     * other failures.
     */
    protected function invalidJson($request, ValidationException $exception)
    {
        if (config('pelcro.validation') === 'stock') {
            return parent::invalidJson($request, $exception);
        }

        return response()->json(['errors' => $exception->errors()], 400);
    }
}
