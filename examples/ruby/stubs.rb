# frozen_string_literal: true

# Loads what `make build` generates into build/, before the gems: their google.rpc is
# older and has no reason for a field violation.
$LOAD_PATH.unshift File.join(__dir__, 'build')

require 'grpc'
require 'google/protobuf/well_known_types'
require 'google/rpc/status_pb'
require 'google/rpc/error_details_pb'
require 'pelcro/v1/customer_service_services_pb'
require 'pelcro/v1/error_reason_pb'
