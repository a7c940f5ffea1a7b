# frozen_string_literal: true

require_relative 'stubs'

# Connects to pelcro-grpc.
module Connection
  # A client of the customer service, with the retries, timeouts and health checks
  # of the service config.
  def self.to(address, service_config_file)
    Pelcro::V1::CustomerService::Stub.new(
      address, :this_channel_is_insecure,
      channel_args: { 'grpc.service_config' => File.read(service_config_file) }
    )
  end
end
