import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.CreateCustomerResponse;
import com.pelcro.v1.Customer;
import com.pelcro.v1.CustomerServiceGrpc;
import com.pelcro.v1.ErrorReason;
import com.pelcro.v1.ListCustomersRequest;
import com.pelcro.v1.ListCustomersResponse;
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
import java.util.ArrayList;
import java.util.List;

/** Tests what the sandbox cannot show: a create that succeeds but whose response is lost. */
final class ExampleTest {
    private ExampleTest() {}

    private static final StatusRuntimeException UNKNOWN =
            failure("pelcro-grpc", "PELCRO_OUTCOME_UNKNOWN", "unknown");
    private static final StatusRuntimeException BROKEN = Status.UNAVAILABLE.asRuntimeException();

    /** An error as the service sends it, with ErrorInfo and no other detail. */
    private static StatusRuntimeException failure(String domain, String reason, String outcome) {
        var info = ErrorInfo.newBuilder().setDomain(domain).setReason(reason).putMetadata("outcome", outcome);
        return StatusProto.toStatusRuntimeException(
                com.google.rpc.Status.newBuilder()
                        .setCode(Status.Code.INTERNAL.value())
                        .addDetails(Any.pack(info.build()))
                        .build());
    }

    /** Fails every create with the error; with creates, after creating the customer. */
    private static final class FailingService extends CustomerServiceGrpc.CustomerServiceImplBase {
        private final StatusRuntimeException error;
        private final boolean creates;
        private final List<Customer> customers = new ArrayList<>();
        private int attempts;

        FailingService(StatusRuntimeException error, boolean creates) {
            this.error = error;
            this.creates = creates;
        }

        @Override
        public void createCustomer(CreateCustomerRequest request, StreamObserver<CreateCustomerResponse> observer) {
            attempts++;
            if (creates) {
                customers.add(request.getCustomer());
            }
            observer.onError(error);
        }

        @Override
        public void listCustomers(ListCustomersRequest request, StreamObserver<ListCustomersResponse> observer) {
            observer.onNext(ListCustomersResponse.newBuilder().addAllCustomers(customers).build());
            observer.onCompleted();
        }

        /** Whether the example creates the customer, or finds it. */
        boolean succeeds() throws IOException {
            var server = InProcessServerBuilder.forName("test").directExecutor().addService(this).build().start();
            var channel = InProcessChannelBuilder.forName("test").directExecutor().build();
            try {
                new Customers(CustomerServiceGrpc.newBlockingStub(channel), Duration.ZERO).createOnce("eve@example.com");
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
        for (var error : List.of(UNKNOWN, BROKEN)) {
            var created = new FailingService(error, true);
            check("finds the created customer", created.succeeds() && created.attempts == 1);
            var missing = new FailingService(error, false);
            check("creates a missing customer again", !missing.succeeds() && missing.attempts == 2);
        }
        for (String outcome : List.of("rejected", "notSent")) {
            var rejected = new FailingService(failure("pelcro-grpc", "PELCRO_UNAVAILABLE", outcome), false);
            check("does not retry a rejected create", !rejected.succeeds() && rejected.attempts == 1);
        }
        for (var error :
                List.of(
                        BROKEN,
                        failure("pelcro-grpc", "OF_A_LATER_VERSION", ""),
                        failure("proxy.example.com", "PELCRO_RATE_LIMITED", ""))) {
            check(
                    "an unknown reason is unspecified",
                    ErrorDetails.reason(error) == ErrorReason.ERROR_REASON_UNSPECIFIED);
        }
        check("a reason", ErrorDetails.reason(UNKNOWN) == ErrorReason.PELCRO_OUTCOME_UNKNOWN);
        out.println("ExampleTest: ok");
    }

    private static void check(String promise, boolean holds) {
        if (!holds) {
            throw new AssertionError(promise);
        }
    }
}
