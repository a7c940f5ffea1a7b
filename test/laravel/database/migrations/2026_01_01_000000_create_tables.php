<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

class CreateTables extends Migration
{
    public function up()
    {
        // MySQL, which Pelcro most likely uses, ignores the case of texts. Laravel 8
        // cannot configure SQLite for that.
        DB::statement('create table customers (
            id integer primary key autoincrement,
            email text collate nocase unique,
            first_name text collate nocase,
            last_name text collate nocase,
            display_name text,
            username text collate nocase unique,
            phone text,
            salutation text,
            title text,
            tin text,
            organization_id integer references organizations (id),
            default_source_id integer,
            email_confirm integer,
            email_hardbounce integer,
            phone_confirm integer,
            mail_marketing integer,
            tele_marketing integer,
            has_password integer not null,
            password text,
            password_last_updated_at integer,
            last_login_at integer,
            is_imported integer not null,
            metadata text,
            old_provider_id text collate nocase unique,
            created_at integer,
            updated_at integer,
            deleted_at integer
        )');
        Schema::create('organizations', function (Blueprint $table) {
            $table->id();
            $table->string('name');
            $table->integer('created_at');
        });
        Schema::create('addresses', function (Blueprint $table) {
            $table->id();
            $table->foreignId('customer_id')->constrained();
            $table->string('type');
            $table->string('line1');
            $table->string('line2')->nullable();
            $table->string('city');
            $table->string('state')->nullable();
            $table->string('country');
            $table->string('postal_code');
            $table->boolean('is_default')->default(false);
        });
        Schema::create('sources', function (Blueprint $table) {
            $table->id();
            $table->foreignId('customer_id')->constrained();
            $table->string('brand');
            $table->string('last4');
            $table->integer('exp_month');
            $table->integer('exp_year');
        });
        Schema::create('subscriptions', function (Blueprint $table) {
            $table->id();
            $table->foreignId('customer_id')->constrained();
            $table->string('status');
            $table->integer('cancel_at_period_end')->default(0);
            $table->integer('current_period_end');
        });
        Schema::create('api_keys', function (Blueprint $table) {
            $table->id();
            $table->string('hash')->unique();
            $table->integer('site_id');
            $table->boolean('read_only')->default(false);
            $table->integer('expires_at')->nullable();
        });
    }
}
