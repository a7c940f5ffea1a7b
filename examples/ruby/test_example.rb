# frozen_string_literal: true

# Tests what the sandbox cannot show: a create that succeeds but whose response is lost.

require 'minitest/autorun'
require_relative 'example'

# Fails every create with the error; with `creates`, after creating the customer.
class FailingService
  attr_reader :attempts

  def initialize(error, creates:)
    @error = error
    @creates = creates
    @attempts = 0
    @customers = []
  end

  def create_customer(request, deadline:)
    raise ArgumentError, 'no time left' unless deadline > Time.now

    @attempts += 1
    @customers << request.customer if @creates
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
    failure(domain: 'pelcro-grpc', reason: 'PELCRO_OUTCOME_UNKNOWN', metadata: { 'outcome' => 'unknown' })
  end

  def create(service)
    customer = nil
    capture_io { customer = Customers.new(service, 0).create_once('eve@example.com') }
    customer
  end

  def test_finds_the_created_customer
    [unknown, GRPC::Unavailable.new].each do |error|
      service = FailingService.new(error, creates: true)
      assert_equal 'eve@example.com', create(service).email
      assert_equal 1, service.attempts
    end
  end

  def test_creates_a_missing_customer_again
    service = FailingService.new(unknown, creates: false)
    assert_raises(GRPC::Internal) { create(service) }
    assert_equal 2, service.attempts
  end

  def test_does_not_retry_a_rejected_create
    %w[rejected notSent].each do |outcome|
      error = failure(domain: 'pelcro-grpc', reason: 'PELCRO_UNAVAILABLE', metadata: { 'outcome' => outcome })
      service = FailingService.new(error, creates: false)
      assert_raises(GRPC::Internal) { create(service) }
      assert_equal 1, service.attempts
    end
  end

  def test_an_unknown_reason_is_unspecified
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
