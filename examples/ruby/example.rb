# frozen_string_literal: true

# Provokes three errors of pelcro-grpc and handles each, and reads many customers.

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
  BATCH_TIMEOUT = 58
  CHANGE_TIMEOUT = 32
  # The delay after a rate limit whose error has none.
  DEFAULT_DELAY = 60
  # The delay before a broken stream is continued whose error has none.
  STREAM_DELAY = 5

  def initialize(service, max_wait)
    @service = service
    @max_wait = max_wait
  end

  def create(email)
    send_create(new_customer(email))
  end

  def get(id)
    request = GetCustomerRequest.new(id: id)
    @service.get_customer(request, deadline: Time.now + READ_TIMEOUT).customer
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

  # Creates a customer: exactly one, however often it has to send the request, because all of
  # its attempts have the same request_id.
  def create_once(email)
    request = new_customer(email)
    begin
      send_create(request)
    rescue GRPC::Unavailable => e
      say "#{ErrorReason.lookup(reason(e))}: sending it again"
      wait(find(e, Google::Rpc::RetryInfo).retry_delay&.to_f || 0)
      retry
    end
  end

  # Yields each customer. A stream that breaks is continued after the last message that was
  # used.
  def read_all(&block)
    request = StreamCustomersRequest.new
    begin
      @service.stream_customers(request).each do |message|
        message.customers.each(&block)
        request.resume_token = message.resume_token
      end
    rescue GRPC::Unavailable, GRPC::ResourceExhausted => e
      say "#{ErrorReason.lookup(reason(e))}: continuing the stream"
      wait(find(e, Google::Rpc::RetryInfo).retry_delay&.to_f || STREAM_DELAY)
      retry
    end
  end

  # Gets customers by their ids, with one request to Pelcro for each hundred.
  def get_many(ids)
    request = BatchGetCustomersRequest.new(ids: ids)
    @service.batch_get_customers(request, deadline: Time.now + BATCH_TIMEOUT)
  end

  # Runs a step, and prints its error; returns whether it succeeded.
  def attempt(title)
    puts title
    yield
    true
  rescue GRPC::BadStatus => e
    say "failed: #{e.class}, #{ErrorReason.lookup(reason(e))}: #{message(e)}"
    false
  end

  def show(customer)
    say "customer #{customer.id} is #{customer.email}"
  end

  def say(text)
    puts "   #{text}"
  end

  private

  # A create with a request_id of its own.
  def new_customer(email)
    CreateCustomerRequest.new(request_id: SecureRandom.uuid, customer: Customer.new(email: email))
  end

  def send_create(request)
    @service.create_customer(request, deadline: Time.now + CHANGE_TIMEOUT).customer
  end

  def wait(seconds)
    say format('retry delay %g s: waiting %g s (--max-wait)', seconds, @max_wait) if seconds > @max_wait
    sleep([seconds, @max_wait].min)
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

  service_config = File.join(__dir__, '../../client/service-config-request-id.json')
  service = Connection.to(ARGV.fetch(0, '127.0.0.1:50051'), service_config)
  customers = Customers.new(service, max_wait)
  name = "nora-#{SecureRandom.hex(4)}"
  created = customers.attempt('1. Create a customer with a bad email') do
    customers.show(customers.create_corrected('nora', "#{name}@example.com"))
  end
  customers.attempt('2. Get a customer over the rate limit') do
    customers.show(customers.get_after_delay(429))
  end
  customers.attempt('3. Create a customer and lose the response') do
    customers.show(customers.create_once("http-502+created@#{name}.example.com"))
  end
  customers.attempt('4. Read all customers') do
    ids = []
    customers.read_all { |customer| ids << customer.id }
    customers.say "#{ids.size} customers, up to #{ids.last}"
  end
  customers.attempt('5. Get customers by their ids') do
    response = customers.get_many([1002, 1001, 2001])
    response.customers.each { |customer| customers.show(customer) }
    customers.say "missing: #{response.missing_ids.to_a}"
  end
  exit created
end
