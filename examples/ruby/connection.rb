# frozen_string_literal: true

require_relative 'stubs'

# Connects to pelcro-grpc.
module Connection
  # A client of the customer service, with the retries, timeouts and health checks
  # of the service config.
  def self.to(address, service_config_file)
    Pelcro::V1::CustomerService::Stub.new(
      address, credentials,
      channel_args: { 'grpc.service_config' => File.read(service_config_file) }
    )
  end

  # The credentials of the environment. PELCRO_GRPC_CA_FILE holds the CA of the service's
  # certificate, in PEM, or is "system"; without it there is no TLS. PELCRO_GRPC_TOKEN is
  # the caller's token.
  def self.credentials
    ca_file = ENV.fetch('PELCRO_GRPC_CA_FILE', '')
    token = ENV.fetch('PELCRO_GRPC_TOKEN', '')
    if ca_file.empty?
      abort 'PELCRO_GRPC_TOKEN needs TLS: set PELCRO_GRPC_CA_FILE' unless token.empty?
      return :this_channel_is_insecure
    end
    tls = GRPC::Core::ChannelCredentials.new(ca_file == 'system' ? nil : File.read(ca_file))
    return tls if token.empty?

    tls.compose(GRPC::Core::CallCredentials.new(proc { { authorization: "Bearer #{token}" } }))
  end
end
