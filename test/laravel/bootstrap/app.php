<?php

/*
 * Laravel writes only below PELCRO_STORAGE, so that many instances can run from one
 * read-only source.
 */
$storage = getenv('PELCRO_STORAGE') ?: dirname(__DIR__).'/storage';
foreach (['framework/cache/data', 'framework/views', 'logs'] as $folder) {
    if (! is_dir("$storage/$folder")) {
        mkdir("$storage/$folder", 0777, true);
    }
}
$_ENV['APP_PACKAGES_CACHE'] = "$storage/framework/packages.php";
$_ENV['APP_SERVICES_CACHE'] = "$storage/framework/services.php";

$app = new Illuminate\Foundation\Application(dirname(__DIR__));
$app->useStoragePath($storage);

$app->singleton(Illuminate\Contracts\Http\Kernel::class, App\Http\Kernel::class);
$app->singleton(Illuminate\Contracts\Console\Kernel::class, App\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, App\Exceptions\Handler::class);

return $app;
