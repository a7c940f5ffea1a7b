<?php

return [
    // How a refused body is answered: "documented" is Pelcro's 400 with errors and no
    // message, "stock" is what Laravel does by itself: 422 with both.
    'validation' => env('PELCRO_VALIDATION', 'documented'),

    // The limit that Pelcro documents. Laravel's own default is half of it.
    'requests_per_minute' => (int) env('PELCRO_REQUESTS_PER_MINUTE', 120),

    // Told of each new customer, before the caller is. Empty for nobody.
    'webhook' => env('PELCRO_WEBHOOK'),
];
