# frozen_string_literal: true

# Makes the calls on standard input and prints what this language reads of each
# error. The conformance test of the gateway runs it:
#
#     conformance.rb ADDRESS SERVICE_CONFIG_FILE
#
# One JSON object per line, in both directions. Unreadable input or an unreadable error
# ends the program.

require 'json'
require_relative 'connection'
require_relative 'error_details'

# The calls and what can be read of their results.
module Conformance
  extend ErrorDetails
  extend self
  include Pelcro::V1
  include Google::Rpc

  DEADLINE_SECONDS = 10
  DETAIL_TYPES = [
    ErrorInfo, BadRequest, PreconditionFailure, RetryInfo, QuotaFailure, ResourceInfo, RequestInfo
  ].freeze

  # The result of a call that succeeded.
  SUCCESS = GRPC::BadStatus.new(GRPC::Core::StatusCodes::OK, '')

  def run(service)
    $stdout.sync = true
    $stdin.each_line do |line|
      test_case = JSON.parse(line)
      puts JSON.generate(describe(test_case['name'], result_of(service, test_case)))
    end
  end

  # The result of the call: its error, or SUCCESS.
  def result_of(service, test_case)
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
      raise ArgumentError, "unknown operation: #{test_case['operation']}"
    end
    SUCCESS
  rescue GRPC::BadStatus => e
    e
  end

  def describe(name, result)
    info = find(result, ErrorInfo)
    {
      name: name,
      code: code_name(result),
      message: readable(message(result)),
      domain: info.domain,
      reason: info.reason,
      metadata: info.metadata.to_h,
      violations: find(result, BadRequest).field_violations.map do |violation|
        violation.to_h.slice(:field, :description, :reason)
      end,
      precondition: find(result, PreconditionFailure).violations.first&.type.to_s,
      retryDelaySeconds: find(result, RetryInfo).retry_delay&.to_f,
      quota: find(result, QuotaFailure).violations.first&.quota_value,
      resource: find(result, ResourceInfo).resource_name,
      requestId: find(result, RequestInfo).request_id,
      errorReason: trailer(result, 'x-error-reason'),
      pushback: trailer(result, 'grpc-retry-pushback-ms'),
      detailTypes: decoded_types(result)
    }
  end

  # The canonical name of the code, for example NOT_FOUND.
  def code_name(result)
    codes = GRPC::Core::StatusCodes
    codes.constants.find { |name| codes.const_get(name) == result.code }
  end

  # The trailer. The library returns an Array for a duplicate.
  def trailer(result, name)
    value = result.metadata.fetch(name, '')
    raise "duplicate trailer: #{result.metadata}" unless value.is_a?(String)

    readable(value.dup.force_encoding(Encoding::UTF_8))
  end

  # The types of the details. Fails unless each can be read and the status in the
  # trailer is that of the call.
  def decoded_types(result)
    return [] unless result.metadata.key?(ErrorDetails::TRAILER)

    status = Google::Rpc::Status.decode(result.metadata[ErrorDetails::TRAILER])
    unless [status.code, status.message] == [result.code, message(result)]
      raise "the status in the trailer differs: #{status.inspect} and #{result.inspect}"
    end

    status.details.map do |detail|
      known = DETAIL_TYPES.any? { |type| detail.unpack(type) }
      raise "unknown detail type: #{detail.inspect}" unless known

      detail.type_name
    end
  end

  def readable(text)
    raise "not UTF-8: #{text.inspect}" unless text.valid_encoding?

    text
  end
end

Conformance.run(Connection.to(*ARGV))
