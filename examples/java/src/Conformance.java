import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.QuotaFailure;
import com.google.rpc.RequestInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.Customer;
import com.pelcro.v1.CustomerFilter;
import com.pelcro.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import com.pelcro.v1.DeleteCustomerRequest;
import com.pelcro.v1.GetCustomerRequest;
import com.pelcro.v1.ListCustomersRequest;
import com.pelcro.v1.UpdateCustomerRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * Makes the calls on standard input and prints what this language reads of each error. The
 * conformance test of the gateway runs it with ADDRESS SERVICE_CONFIG_FILE. One JSON object per line,
 * in both directions. Unreadable input or an unreadable error ends the program.
 */
final class Conformance {
    private static final int DEADLINE_SECONDS = 10;
    private static final List<Class<? extends Message>> DETAIL_TYPES =
            List.of(
                    ErrorInfo.class,
                    BadRequest.class,
                    PreconditionFailure.class,
                    RetryInfo.class,
                    QuotaFailure.class,
                    ResourceInfo.class,
                    RequestInfo.class);

    private Conformance() {}

    /** A call: the line of the input. */
    private static final class Call {
        String name;
        String operation;
        long id;
        String email;

        Call(String operation) {
            this.operation = operation;
        }
    }

    public static void main(String[] arguments) throws IOException {
        var service = Connection.to(arguments[0], Path.of(arguments[1]));
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        loadClasses(service);
        Gson gson = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Call call = gson.fromJson(line, Call.class);
            out.println(gson.toJson(describe(call.name, resultOf(service, call))));
        }
        System.exit(0);
    }

    /**
     * Makes a call that the service rejects by itself. Loading the classes takes seconds on a busy
     * machine, which must not count against the deadline of a call.
     */
    private static void loadClasses(CustomerServiceBlockingStub service) {
        try {
            make(service, new Call("GetCustomer"));
        } catch (StatusRuntimeException e) {
            describe("", e);
        }
    }

    /** The error of the call; OK for a success. */
    private static StatusRuntimeException resultOf(CustomerServiceBlockingStub service, Call call) {
        try {
            make(service.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS), call);
            return Status.OK.asRuntimeException();
        } catch (StatusRuntimeException e) {
            return e;
        }
    }

    private static void make(CustomerServiceBlockingStub service, Call call) {
        switch (call.operation) {
            case "GetCustomer":
                service.getCustomer(GetCustomerRequest.newBuilder().setId(call.id).build());
                break;
            case "DeleteCustomer":
                service.deleteCustomer(DeleteCustomerRequest.newBuilder().setId(call.id).build());
                break;
            case "UpdateCustomer":
                var changed = Customer.newBuilder().setId(call.id).setFirstName("x");
                service.updateCustomer(UpdateCustomerRequest.newBuilder().setCustomer(changed).build());
                break;
            case "CreateCustomer":
                var created = Customer.newBuilder().setEmail(call.email);
                service.createCustomer(CreateCustomerRequest.newBuilder().setCustomer(created).build());
                break;
            case "ListCustomers":
                var sameEmail =
                        CustomerFilter.newBuilder()
                                .setAttribute("email")
                                .setOperator(CustomerFilter.Operator.OPERATOR_EQUALS)
                                .addValues(call.email);
                service.listCustomers(ListCustomersRequest.newBuilder().addFilters(sameEmail).build());
                break;
            default:
                throw new IllegalArgumentException("unknown operation: " + call.operation);
        }
    }

    private static Map<String, Object> describe(String name, StatusRuntimeException result) {
        var info = ErrorDetails.find(result, ErrorInfo.class);
        var retry = ErrorDetails.find(result, RetryInfo.class);
        var delay = retry.getRetryDelay();
        var violations = new ArrayList<Map<String, String>>();
        for (var v : ErrorDetails.find(result, BadRequest.class).getFieldViolationsList()) {
            violations.add(Map.of("field", v.getField(), "description", v.getDescription(), "reason", v.getReason()));
        }
        var preconditions = ErrorDetails.find(result, PreconditionFailure.class).getViolationsList();
        var quotas = ErrorDetails.find(result, QuotaFailure.class).getViolationsList();
        var described = new LinkedHashMap<String, Object>();
        described.put("name", name);
        described.put("code", result.getStatus().getCode().name());
        described.put("message", message(result));
        described.put("domain", info.getDomain());
        described.put("reason", info.getReason());
        described.put("metadata", info.getMetadataMap());
        described.put("violations", violations);
        described.put("precondition", preconditions.isEmpty() ? "" : preconditions.get(0).getType());
        described.put("retryDelaySeconds", retry.hasRetryDelay() ? delay.getSeconds() + delay.getNanos() / 1e9 : null);
        described.put("quota", quotas.isEmpty() ? null : quotas.get(0).getQuotaValue());
        described.put("resource", ErrorDetails.find(result, ResourceInfo.class).getResourceName());
        described.put("requestId", ErrorDetails.find(result, RequestInfo.class).getRequestId());
        described.put("errorReason", trailer(result, "x-error-reason"));
        described.put("pushback", trailer(result, "grpc-retry-pushback-ms"));
        described.put("detailTypes", decodedTypes(result));
        return described;
    }

    /** The trailer, empty without one. A duplicate is an error. */
    private static String trailer(StatusRuntimeException result, String name) {
        var key = Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
        var values = new ArrayList<String>();
        if (result.getTrailers() != null && result.getTrailers().containsKey(key)) {
            result.getTrailers().getAll(key).forEach(values::add);
        }
        if (values.size() > 1) {
            throw new IllegalArgumentException("duplicate trailer: " + result.getTrailers());
        }
        return String.join("", values);
    }

    /**
     * The types of the details. Fails unless each can be read and the status in the trailer is that of
     * the call.
     */
    private static List<String> decodedTypes(StatusRuntimeException result) {
        var types = new ArrayList<String>();
        var status = StatusProto.fromThrowable(result);
        if (!status.getMessage().equals(message(result))) {
            throw new IllegalArgumentException("the status in the trailer differs: " + status);
        }
        for (Any detail : status.getDetailsList()) {
            if (DETAIL_TYPES.stream().noneMatch(detail::is)) {
                throw new IllegalArgumentException("unknown detail type: " + detail);
            }
            types.add(detail.getTypeUrl().substring(detail.getTypeUrl().lastIndexOf('/') + 1));
        }
        return types;
    }

    private static String message(StatusRuntimeException result) {
        return Objects.requireNonNullElse(result.getStatus().getDescription(), "");
    }
}
