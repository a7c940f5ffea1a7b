# frozen_string_literal: true

require_relative 'stubs'

# Reads the details of an error of pelcro-grpc: the trailer is a google.rpc.Status,
# whose details are at most one message of each type.
module ErrorDetails
  TRAILER = 'grpc-status-details-bin'

  module_function

  # The error's detail of that type, an empty one if there is none.
  #
  # GRPC::BadStatus#to_rpc_status also decodes, but treats a malformed status as none.
  def find(error, message_type)
    details = Google::Rpc::Status.decode(error.metadata.fetch(TRAILER, '')).details
    details.filter_map { |detail| detail.unpack(message_type) }.first || message_type.new
  end

  # The error's Pelcro::V1::ErrorReason, the unspecified one if this program does not
  # know it.
  def reason(error)
    info = find(error, Google::Rpc::ErrorInfo)
    known = Pelcro::V1::ErrorReason.resolve(info.reason.to_sym) if info.domain == 'pelcro-grpc'
    known || Pelcro::V1::ErrorReason::ERROR_REASON_UNSPECIFIED
  end

  # The error's message, which the library leaves without an encoding.
  def message(error)
    error.details.dup.force_encoding(Encoding::UTF_8)
  end
end
