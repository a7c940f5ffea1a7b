# frozen_string_literal: true

# What the sandbox cannot show: a create whose answer is lost but which worked.

require 'minitest/autorun'
require_relative 'example'

# Fails every create with the error, and perhaps creates all the same.
class ForgetfulService
  attr_reader :creates

  def initialize(error, works:)
    @error = error
    @works = works
    @creates = 0
    @customers = []
  end

  def create_customer(request, deadline:)
    raise ArgumentError, 'no time left' unless deadline > Time.now

    @creates += 1
    @customers << request.customer if @works
    raise @error
  end

  def list_customers(request, deadline:)
    raise ArgumentError, 'no time left' unless deadline > Time.now

    found = @customers.select { |customer| customer.email == request.filters.first.values.first }
    Pelcro::V1::ListCustomersResponse.new(customers: found)
  end
end

class TestExample < Minitest::Test
  # An error as grpc raises it, with this ErrorInfo and no other detail.
  def failure(info)
    detail = Google::Protobuf::Any.pack(Google::Rpc::ErrorInfo.new(info))
    status = Google::Rpc::Status.new(details: [detail])
    GRPC::Internal.new('', ErrorDetails::TRAILER => Google::Rpc::Status.encode(status))
  end

  def unknown
    failure(domain: 'pelcro-grpc', reason: 'PELCRO_OUTCOME_UNKNOWN')
  end

  def create(service)
    customer = nil
    capture_io { customer = Customers.new(service, 0).create_once('eve@example.com') }
    customer
  end

  def test_finds_what_was_created
    [unknown, GRPC::Unavailable.new].each do |error|
      service = ForgetfulService.new(error, works: true)
      assert_equal 'eve@example.com', create(service).email
      assert_equal 1, service.creates
    end
  end

  def test_creates_again_what_is_not_there
    service = ForgetfulService.new(unknown, works: false)
    assert_raises(GRPC::Internal) { create(service) }
    assert_equal 2, service.creates
  end

  def test_does_not_repeat_what_was_refused
    refused = failure(domain: 'pelcro-grpc', reason: 'PELCRO_VALIDATION_FAILED')
    service = ForgetfulService.new(refused, works: false)
    assert_raises(GRPC::Internal) { create(service) }
    assert_equal 1, service.creates
  end

  def test_a_reason_that_is_not_one_of_ours_is_unspecified
    [
      GRPC::Unavailable.new,
      failure(domain: 'pelcro-grpc', reason: 'OF_A_LATER_VERSION'),
      failure(domain: 'proxy.example.com', reason: 'PELCRO_RATE_LIMITED')
    ].each { |error| assert_equal 0, ErrorDetails.reason(error) }
  end

  def test_a_message_is_utf8
    error = GRPC::Internal.new((+'Zürich').force_encoding(Encoding::BINARY))
    assert_equal 'Zürich', ErrorDetails.message(error)
  end
end
