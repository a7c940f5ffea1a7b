# frozen_string_literal: true

# Tests what the sandbox cannot show: a create that has to be sent several times, and a stream that
# breaks.

require 'minitest/autorun'
require_relative 'example'

# Fails the first creates with the errors.
class FailingService
  attr_reader :request_ids

  def initialize(*errors)
    @errors = errors
    @request_ids = []
  end

  def create_customer(request, deadline:)
    raise ArgumentError, 'no time left' unless deadline > Time.now

    @request_ids << request.request_id
    raise @errors.shift unless @errors.empty?

    Pelcro::V1::CreateCustomerResponse.new(customer: request.customer)
  end
end

# Streams five customers, one a message. Each error breaks a stream after its first message.
class BreakingService
  attr_reader :tokens

  def initialize(*errors)
    @errors = errors
    @tokens = []
  end

  def stream_customers(request)
    @tokens << request.resume_token
    last = request.resume_token.to_i
    (last + 1..5).lazy.map do |number|
      raise @errors.shift if number == last + 2 && !@errors.empty?

      customers = [Pelcro::V1::Customer.new(id: number)]
      Pelcro::V1::StreamCustomersResponse.new(customers: customers, resume_token: number.to_s)
    end
  end
end

class TestExample < Minitest::Test
  # An error as grpc raises it, with this ErrorInfo and no other detail.
  def failure(info)
    detail = Google::Protobuf::Any.pack(Google::Rpc::ErrorInfo.new(info))
    status = Google::Rpc::Status.new(details: [detail])
    GRPC::Internal.new('', ErrorDetails::TRAILER => Google::Rpc::Status.encode(status))
  end

  def create(service)
    customer = nil
    capture_io { customer = Customers.new(service, 0).create_once('eve@example.com') }
    customer
  end

  def test_retries_with_the_same_id
    service = FailingService.new(GRPC::Unavailable.new, GRPC::Unavailable.new)
    assert_equal 'eve@example.com', create(service).email
    assert_equal [service.request_ids.first] * 3, service.request_ids
  end

  def test_another_create_has_another_id
    service = FailingService.new
    2.times { create(service) }
    assert_equal 2, service.request_ids.uniq.size
  end

  def test_does_not_retry_a_rejected_create
    service = FailingService.new(failure(domain: 'pelcro-grpc', reason: 'PELCRO_INTERNAL_ERROR'))
    assert_raises(GRPC::Internal) { create(service) }
    assert_equal 1, service.request_ids.size
  end

  def read(service)
    ids = []
    capture_io { Customers.new(service, 0).read_all { |customer| ids << customer.id } }
    ids
  end

  def test_continues_after_the_last_message
    service = BreakingService.new(GRPC::Unavailable.new, GRPC::Unavailable.new)
    assert_equal [1, 2, 3, 4, 5], read(service)
    assert_equal ['', '1', '2'], service.tokens
  end

  def test_does_not_continue_after_another_error
    service = BreakingService.new(GRPC::Internal.new)
    assert_raises(GRPC::Internal) { read(service) }
    assert_equal [''], service.tokens
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
