import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.CreateCustomerResponse;
import com.pelcro.v1.Customer;
import com.pelcro.v1.CustomerServiceGrpc;
import com.pelcro.v1.ErrorReason;
import com.pelcro.v1.StreamCustomersRequest;
import com.pelcro.v1.StreamCustomersResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.function.Consumer;

/** Tests what the sandbox cannot show: a create that has to be sent several times, and a stream that breaks. */
final class ExampleTest {
    private ExampleTest() {}

    private static final StatusRuntimeException BROKEN = Status.UNAVAILABLE.asRuntimeException();

    /** An error as the service sends it, with ErrorInfo and no other detail. */
    private static StatusRuntimeException failure(Status.Code code, String domain, String reason) {
        var info = ErrorInfo.newBuilder().setDomain(domain).setReason(reason);
        return StatusProto.toStatusRuntimeException(
                com.google.rpc.Status.newBuilder()
                        .setCode(code.value())
                        .addDetails(Any.pack(info.build()))
                        .build());
    }

    /** Fails the first creates with the errors, and streams of five customers after their first message. */
    private static final class FailingService extends CustomerServiceGrpc.CustomerServiceImplBase {
        private final Queue<StatusRuntimeException> errors;
        private final List<String> requestIds = new ArrayList<>();
        private final List<String> tokens = new ArrayList<>();

        FailingService(StatusRuntimeException... errors) {
            this.errors = new ArrayDeque<>(List.of(errors));
        }

        @Override
        public void createCustomer(CreateCustomerRequest request, StreamObserver<CreateCustomerResponse> observer) {
            requestIds.add(request.getRequestId());
            if (!errors.isEmpty()) {
                observer.onError(errors.remove());
                return;
            }
            observer.onNext(CreateCustomerResponse.newBuilder().setCustomer(request.getCustomer()).build());
            observer.onCompleted();
        }

        @Override
        public void streamCustomers(StreamCustomersRequest request, StreamObserver<StreamCustomersResponse> observer) {
            String token = request.getResumeToken();
            tokens.add(token);
            int last = token.isEmpty() ? 0 : Integer.parseInt(token);
            for (int id = last + 1; id <= 5; id++) {
                if (id == last + 2 && !errors.isEmpty()) {
                    observer.onError(errors.remove());
                    return;
                }
                var customer = Customer.newBuilder().setId(id);
                observer.onNext(
                        StreamCustomersResponse.newBuilder().addCustomers(customer).setResumeToken("" + id).build());
            }
            observer.onCompleted();
        }

        /** Whether the example creates the customer. */
        boolean creates() throws IOException {
            return succeeds(customers -> customers.createOnce("eve@example.com"));
        }

        /** Whether the step succeeds with this service. */
        boolean succeeds(Consumer<Customers> step) throws IOException {
            var server = InProcessServerBuilder.forName("test").directExecutor().addService(this).build().start();
            var channel = InProcessChannelBuilder.forName("test").directExecutor().build();
            try {
                step.accept(new Customers(CustomerServiceGrpc.newBlockingStub(channel), Duration.ZERO));
                return true;
            } catch (StatusRuntimeException e) {
                return false;
            } finally {
                channel.shutdownNow();
                server.shutdownNow();
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        var out = System.out;
        System.setOut(new PrintStream(OutputStream.nullOutputStream())); // what the example says
        var pending = failure(Status.Code.UNAVAILABLE, "pelcro-grpc", "GATEWAY_CREATE_PENDING");
        var retried = new FailingService(pending, BROKEN);
        check(
                "retries with the same id",
                retried.creates() && retried.requestIds.size() == 3 && Set.copyOf(retried.requestIds).size() == 1);
        var another = new FailingService();
        check(
                "another create has another id",
                another.creates() && another.creates() && Set.copyOf(another.requestIds).size() == 2);
        var rejected = new FailingService(failure(Status.Code.INTERNAL, "pelcro-grpc", "PELCRO_INTERNAL_ERROR"));
        check("does not retry another error", !rejected.creates() && rejected.requestIds.size() == 1);
        var ids = new ArrayList<Long>();
        var broken = new FailingService(BROKEN, BROKEN);
        check(
                "continues after the last message",
                broken.succeeds(customers -> customers.readAll(customer -> ids.add(customer.getId())))
                        && ids.equals(List.of(1L, 2L, 3L, 4L, 5L))
                        && broken.tokens.equals(List.of("", "1", "2")));
        var failed = new FailingService(failure(Status.Code.INTERNAL, "pelcro-grpc", "PELCRO_INTERNAL_ERROR"));
        check(
                "does not continue after another error",
                !failed.succeeds(customers -> customers.readAll(customer -> {})) && failed.tokens.size() == 1);
        for (var error :
                List.of(
                        BROKEN,
                        failure(Status.Code.INTERNAL, "pelcro-grpc", "OF_A_LATER_VERSION"),
                        failure(Status.Code.INTERNAL, "proxy.example.com", "PELCRO_RATE_LIMITED"))) {
            check(
                    "an unknown reason is unspecified",
                    ErrorDetails.reason(error) == ErrorReason.ERROR_REASON_UNSPECIFIED);
        }
        check("a reason", ErrorDetails.reason(pending) == ErrorReason.GATEWAY_CREATE_PENDING);
        out.println("ExampleTest: ok");
    }

    private static void check(String promise, boolean holds) {
        if (!holds) {
            throw new AssertionError(promise);
        }
    }
}
