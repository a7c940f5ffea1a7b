# frozen_string_literal: true

# Provokes three errors of pelcro-grpc and handles each.

require 'optparse'
require 'securerandom'
require_relative 'connection'
require_relative 'error_details'

# Calls the customer service and handles its errors.
class Customers
  include ErrorDetails
  include Pelcro::V1

  # A deadline of the call itself is sent to the service, whose error with details then
  # arrives first; the timeouts of the service config are not sent.
  READ_TIMEOUT = 8
  CHANGE_TIMEOUT = 32
  # The delay after a rate limit whose error has none.
  DEFAULT_DELAY = 60
  # How long Pelcro may need to finish a create whose response was lost.
  SETTLE_TIME = 1

  def initialize(service, max_wait)
    @service = service
    @max_wait = max_wait
  end

  def create(email)
    request = CreateCustomerRequest.new(customer: Customer.new(email: email))
    @service.create_customer(request, deadline: Time.now + CHANGE_TIMEOUT).customer
  end

  def get(id)
    request = GetCustomerRequest.new(id: id)
    @service.get_customer(request, deadline: Time.now + READ_TIMEOUT).customer
  end

  # The customer with that email, or nil.
  def look_up(email)
    same_email = CustomerFilter.new(attribute: 'email', operator: :OPERATOR_EQUALS, values: [email])
    request = ListCustomersRequest.new(filters: [same_email])
    @service.list_customers(request, deadline: Time.now + READ_TIMEOUT).customers.first
  end

  # Creates a customer, with the other email if Pelcro rejects the first.
  def create_corrected(email, correct_email)
    create(email)
  rescue GRPC::BadStatus => e
    raise unless reason(e) == ErrorReason::PELCRO_VALIDATION_FAILED

    find(e, Google::Rpc::BadRequest).field_violations.each do |violation|
      say "rejected: #{violation.field}: #{violation.description} (#{violation.reason})"
    end
    create(correct_email)
  end

  # Gets a customer. After a rate limit it waits for the delay of the error and retries
  # once.
  def get_after_delay(id)
    get(id)
  rescue GRPC::BadStatus => e
    raise unless reason(e) == ErrorReason::PELCRO_RATE_LIMITED

    wait(find(e, Google::Rpc::RetryInfo).retry_delay&.to_f || DEFAULT_DELAY)
    get(id)
  end

  # Creates a customer. When the first attempt may have created it, it looks the customer
  # up before it creates one again.
  def create_once(email)
    create(email)
  rescue GRPC::BadStatus => e
    raise unless may_exist?(e)

    say "#{email} may have been created: looking it up"
    wait(SETTLE_TIME)
    look_up(email)&.tap { say 'found' } || create_again(email)
  end

  # Runs a step and prints its result; returns whether it succeeded.
  def attempt(title)
    puts title
    customer = yield
    say "customer #{customer.id} is #{customer.email}"
    true
  rescue GRPC::BadStatus => e
    say "failed: #{e.class}, #{ErrorReason.lookup(reason(e))}: #{message(e)}"
    false
  end

  private

  def create_again(email)
    say 'not found: creating it again'
    create(email)
  end

  def wait(seconds)
    if seconds > @max_wait
      say format('retry delay %g s: waiting %g s (--max-wait)', seconds, @max_wait)
    elsif seconds > SETTLE_TIME
      say format('retry delay %g s: waiting', seconds)
    end
    sleep([seconds, @max_wait].min)
  end

  def say(text)
    puts "   #{text}"
  end
end

if $PROGRAM_NAME == __FILE__
  $stdout.sync = true
  max_wait = Float::INFINITY
  OptionParser.new do |options|
    options.banner = 'usage: example.rb [--max-wait SECONDS] [ADDRESS]'
    options.on('--max-wait SECONDS', Float, 'upper limit for every wait') do |seconds|
      max_wait = seconds
    end
  end.parse!

  service_config = File.join(__dir__, '../../client/service-config.json')
  service = Connection.to(ARGV.fetch(0, '127.0.0.1:50051'), service_config)
  customers = Customers.new(service, max_wait)
  email = "nora-#{SecureRandom.hex(4)}@example.com"
  created = customers.attempt('1. Create a customer with a bad email') do
    customers.create_corrected('nora', email)
  end
  customers.attempt('2. Get a customer over the rate limit') do
    customers.get_after_delay(429)
  end
  customers.attempt('3. Create a customer and lose the response') do
    customers.create_once('http-502@example.com')
  end
  exit created
end
