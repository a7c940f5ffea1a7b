# frozen_string_literal: true

# Meets the errors of pelcro-grpc, and does about each what it says.

require 'optparse'
require 'securerandom'
require_relative 'connection'
require_relative 'error_details'

# The customers of a site, and what to do when they cannot be had.
class Customers
  include ErrorDetails
  include Pelcro::V1

  # A deadline of the call's own is passed on to the service, which then answers in
  # time and with details; the timeouts of the service config are not.
  READ_TIMEOUT = 8
  CHANGE_TIMEOUT = 32
  # After these a create may have happened: the answer was lost between the service
  # and Pelcro, came too late, or was lost on the way here.
  OUTCOME_UNKNOWN = [
    ErrorReason::PELCRO_OUTCOME_UNKNOWN,
    ErrorReason::CALLER_DEADLINE_EXCEEDED,
    ErrorReason::ERROR_REASON_UNSPECIFIED
  ].freeze
  # How long to wait when a rate limit does not say.
  LONG_PAUSE = 60
  # How long Pelcro gets to finish a create that nobody heard the end of.
  SETTLING_TIME = 1

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

  # Creates a customer; with the other email if the first one is refused.
  def create_corrected(email, correct_email)
    create(email)
  rescue GRPC::BadStatus => e
    raise unless reason(e) == ErrorReason::PELCRO_VALIDATION_FAILED

    find(e, Google::Rpc::BadRequest).field_violations.each do |violation|
      say "refused: #{violation.field}: #{violation.description} (#{violation.reason})"
    end
    create(correct_email)
  end

  # Gets a customer; waits once as told if a rate limit is reached.
  def get_patiently(id)
    get(id)
  rescue GRPC::BadStatus => e
    raise unless reason(e) == ErrorReason::PELCRO_RATE_LIMITED

    wait(find(e, Google::Rpc::RetryInfo).retry_delay&.to_f || LONG_PAUSE)
    get(id)
  end

  # Creates a customer, but no second one if the first try may have worked.
  def create_once(email)
    create(email)
  rescue GRPC::BadStatus => e
    raise unless OUTCOME_UNKNOWN.include?(reason(e))

    say "nobody knows whether #{email} was created: looking for it"
    wait(SETTLING_TIME)
    look_up(email)&.tap { say 'it is there' } || create_again(email)
  end

  # Does one thing and says how it ended; returns whether it succeeded.
  def attempt(title)
    puts title
    customer = yield
    say "customer #{customer.id} is #{customer.email}"
    true
  rescue GRPC::BadStatus => e
    say "given up: #{e.class}, #{ErrorReason.lookup(reason(e))}: #{message(e)}"
    false
  end

  private

  def create_again(email)
    say 'it is not there: creating it again'
    create(email)
  end

  def wait(seconds)
    if seconds > @max_wait
      say format('told to wait %g s: waiting %g s, as --max-wait says', seconds, @max_wait)
    elsif seconds > SETTLING_TIME
      say format('told to wait %g s: waiting', seconds)
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
    options.on('--max-wait SECONDS', Float, 'wait no longer, whatever an error says') do |seconds|
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
    customers.get_patiently(429)
  end
  customers.attempt('3. Create a customer and lose the answer') do
    customers.create_once('http-502@example.com')
  end
  exit created
end
