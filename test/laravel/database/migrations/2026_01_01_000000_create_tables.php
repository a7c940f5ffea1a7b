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
            $table->foreignId('user_id')->constrained('customers');
            $table->string('type');
            $table->boolean('is_default');
            $table->string('first_name')->nullable();
            $table->string('last_name')->nullable();
            $table->string('salutation')->nullable();
            $table->string('title')->nullable();
            $table->string('company')->nullable();
            $table->string('department')->nullable();
            $table->string('line1');
            $table->string('line2')->nullable();
            $table->string('city')->nullable();
            $table->string('state')->nullable();
            $table->string('country');
            $table->string('postal_code')->nullable();
            $table->string('phone')->nullable();
            $table->string('old_provider_id')->nullable();
            $table->integer('created_at');
            $table->integer('updated_at');
        });
        Schema::create('sources', function (Blueprint $table) {
            $table->id();
            $table->foreignId('customer_id')->constrained();
            $table->string('status');
            $table->string('object_gateway');
            $table->string('object_id');
            $table->integer('exp_month');
            $table->integer('exp_year');
            $table->string('brand');
            $table->string('country')->nullable();
            $table->boolean('cvc_check')->nullable();
            $table->boolean('address_zip_check')->nullable();
            $table->boolean('address_line1_check')->nullable();
            $table->string('fingerprint')->nullable();
            $table->string('funding')->nullable();
            $table->string('last4');
            $table->string('dynamic_last4')->nullable();
            $table->boolean('three_d_secure')->nullable();
            $table->string('name')->nullable();
            $table->string('tokenization_method')->nullable();
            $table->text('properties')->nullable();
            $table->integer('created_at');
            $table->integer('updated_at');
            $table->integer('deleted_at')->nullable();
        });
        Schema::create('subscriptions', function (Blueprint $table) {
            $table->id();
            $table->foreignId('user_id')->constrained('customers');
            $table->integer('plan')->nullable();
            $table->integer('address')->nullable();
            $table->integer('coupon')->nullable();
            $table->integer('default_source')->nullable();
            $table->integer('latest_invoice')->nullable();
            $table->string('status');
            $table->string('type');
            $table->boolean('is_membership');
            $table->boolean('is_gift_donor')->nullable();
            $table->boolean('is_gift_recipient')->nullable();
            $table->string('gift_code')->nullable();
            $table->string('billing');
            $table->integer('quantity');
            $table->integer('auto_renew');
            $table->integer('cancel_at_period_end');
            $table->integer('cancel_at')->nullable();
            $table->integer('canceled_at')->nullable();
            $table->string('cancel_reason')->nullable();
            $table->integer('canceled_by')->nullable();
            $table->string('canceled_by_type')->nullable();
            $table->integer('current_period_start');
            $table->integer('current_period_end');
            $table->integer('trial_start')->nullable();
            $table->integer('trial_end')->nullable();
            $table->integer('ended_at')->nullable();
            $table->integer('days_until_due')->nullable();
            $table->integer('due_date')->nullable();
            $table->boolean('address_required');
            $table->text('metadata')->nullable();
            $table->integer('created');
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
