# frozen_string_literal: true

require_relative 'stubs'

# Reads what an error of pelcro-grpc says to programs: the trailer is a
# google.rpc.Status, whose details are one message of each type.
module ErrorDetails
  TRAILER = 'grpc-status-details-bin'

  module_function

  # The error's detail of that type; an empty one if it has none.
  #
  # GRPC::BadStatus#to_rpc_status does the decoding, too, but takes a broken
  # status for none.
  def find(error, message_type)
    details = Google::Rpc::Status.decode(error.metadata.fetch(TRAILER, '')).details
    details.filter_map { |detail| detail.unpack(message_type) }.first || message_type.new
  end

  # The error's Pelcro::V1::ErrorReason; unspecified if this program knows none.
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
