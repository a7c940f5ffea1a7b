<?php

return [
    // The response to an invalid body: "documented" is Pelcro's 400 with errors and no
    // message, "stock" is Laravel's default: 422 with both.
    'validation' => env('PELCRO_VALIDATION', 'documented'),

    // The limit that Pelcro documents. Laravel's own default is half of it.
    'requests_per_minute' => (int) env('PELCRO_REQUESTS_PER_MINUTE', 120),

    // URL that is called for each new customer before the response. Empty for none.
    'webhook' => env('PELCRO_WEBHOOK'),
];
