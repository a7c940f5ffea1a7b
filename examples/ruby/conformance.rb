# frozen_string_literal: true

# Makes the calls that standard input asks for and says what this language reads
# of each error. The conformance tests of the gateway run it:
#
#     conformance.rb ADDRESS SERVICE_CONFIG_FILE
#
# One JSON object a line, both ways. Whatever cannot be read ends the program.

require 'json'
require_relative 'connection'
require_relative 'error_details'

# The calls, and what can be read of their ends.
module Conformance
  extend ErrorDetails
  extend self
  include Pelcro::V1
  include Google::Rpc

  DEADLINE_SECONDS = 10
  DETAIL_TYPES = [ErrorInfo, BadRequest, RetryInfo, QuotaFailure, ResourceInfo, RequestInfo].freeze

  # What is there to describe of a call that ended well.
  SUCCESS = GRPC::BadStatus.new(GRPC::Core::StatusCodes::OK, '')

  def run(service)
    $stdout.sync = true
    $stdin.each_line do |line|
      test_case = JSON.parse(line)
      puts JSON.generate(describe(test_case['name'], outcome_of(service, test_case)))
    end
  end

  # The outcome of the call: its error, or SUCCESS.
  def outcome_of(service, test_case)
    deadline = Time.now + DEADLINE_SECONDS
    case test_case['operation']
    when 'GetCustomer'
      service.get_customer(GetCustomerRequest.new(id: test_case['id']), deadline: deadline)
    when 'DeleteCustomer'
      service.delete_customer(DeleteCustomerRequest.new(id: test_case['id']), deadline: deadline)
    when 'UpdateCustomer'
      customer = Customer.new(id: test_case['id'], first_name: 'x')
      service.update_customer(UpdateCustomerRequest.new(customer: customer), deadline: deadline)
    when 'CreateCustomer'
      customer = Customer.new(email: test_case['email'])
      service.create_customer(CreateCustomerRequest.new(customer: customer), deadline: deadline)
    when 'ListCustomers'
      email = test_case['email']
      same_email = CustomerFilter.new(attribute: 'email', operator: :OPERATOR_EQUALS, values: [email])
      service.list_customers(ListCustomersRequest.new(filters: [same_email]), deadline: deadline)
    else
      raise ArgumentError, "no such operation: #{test_case['operation']}"
    end
    SUCCESS
  rescue GRPC::BadStatus => e
    e
  end

  def describe(name, outcome)
    info = find(outcome, ErrorInfo)
    {
      name: name,
      code: code_name(outcome),
      message: readable(message(outcome)),
      domain: info.domain,
      reason: info.reason,
      metadata: info.metadata.to_h,
      violations: find(outcome, BadRequest).field_violations.map do |violation|
        violation.to_h.slice(:field, :description, :reason)
      end,
      retryDelaySeconds: find(outcome, RetryInfo).retry_delay&.to_f,
      quota: find(outcome, QuotaFailure).violations.first&.quota_value,
      resource: find(outcome, ResourceInfo).resource_name,
      requestId: find(outcome, RequestInfo).request_id,
      errorReason: trailer(outcome, 'x-error-reason'),
      pushback: trailer(outcome, 'grpc-retry-pushback-ms'),
      detailTypes: decoded_types(outcome)
    }
  end

  # The canonical name of the code, for example NOT_FOUND.
  def code_name(outcome)
    codes = GRPC::Core::StatusCodes
    codes.constants.find { |name| codes.const_get(name) == outcome.code }
  end

  # The trailer, which comes at most once: of two, the library makes an Array.
  def trailer(outcome, name)
    value = outcome.metadata.fetch(name, '')
    raise "a trailer comes twice: #{outcome.metadata}" unless value.is_a?(String)

    readable(value.dup.force_encoding(Encoding::UTF_8))
  end

  # The types of the details, after proving that each can be read and that the
  # status in the trailer is the one of the call.
  def decoded_types(outcome)
    return [] unless outcome.metadata.key?(ErrorDetails::TRAILER)

    status = Google::Rpc::Status.decode(outcome.metadata[ErrorDetails::TRAILER])
    unless [status.code, status.message] == [outcome.code, message(outcome)]
      raise "the status in the trailer is another one: #{status.inspect} and #{outcome.inspect}"
    end

    status.details.map do |detail|
      known = DETAIL_TYPES.any? { |type| detail.unpack(type) }
      raise "a detail of an unknown type: #{detail.inspect}" unless known

      detail.type_name
    end
  end

  def readable(text)
    raise "not UTF-8: #{text.inspect}" unless text.valid_encoding?

    text
  end
end

Conformance.run(Connection.to(*ARGV))
