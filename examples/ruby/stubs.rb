# frozen_string_literal: true

# What `make build` generates into build/. It goes before the gems, whose
# google.rpc is older and knows no reason of a field violation.
$LOAD_PATH.unshift File.join(__dir__, 'build')

require 'grpc'
require 'google/protobuf/well_known_types'
require 'google/rpc/status_pb'
require 'google/rpc/error_details_pb'
require 'pelcro/v1/customer_service_services_pb'
require 'pelcro/v1/error_reason_pb'
