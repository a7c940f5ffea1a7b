<?php

namespace App\Http\Controllers;

use App\Http\Requests\ListCustomersRequest;
use App\Http\Requests\ReadCustomerRequest;
use App\Http\Requests\SaveCustomerRequest;
use App\Http\Resources\CustomerResource;
use App\Models\Customer;
use Illuminate\Foundation\Auth\Access\AuthorizesRequests;
use Illuminate\Routing\Controller;

class CustomerController extends Controller
{
    use AuthorizesRequests;

    public function __construct()
    {
        $this->authorizeResource(Customer::class, 'customer');
    }

    public function index(ListCustomersRequest $request)
    {
        return CustomerResource::collection($request->customers()->paginate($request->limit()));
    }

    public function store(SaveCustomerRequest $request)
    {
        return new CustomerResource($request->save(new Customer));
    }

    public function show(ReadCustomerRequest $request, Customer $customer)
    {
        return new CustomerResource($customer->load($request->relations()));
    }

    public function update(SaveCustomerRequest $request, Customer $customer)
    {
        return new CustomerResource($request->save($customer));
    }

    public function destroy(Customer $customer)
    {
        $customer->delete();

        return response()->noContent();
    }
}
