import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.CreateCustomerResponse;
import com.pelcro.v1.CustomerServiceGrpc;
import com.pelcro.v1.ErrorReason;
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

/** Tests what the sandbox cannot show: a create that has to be sent several times. */
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

    /** Fails the first creates with the errors. */
    private static final class FailingService extends CustomerServiceGrpc.CustomerServiceImplBase {
        private final Queue<StatusRuntimeException> errors;
        private final List<String> requestIds = new ArrayList<>();

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

        /** Whether the example creates the customer. */
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
        var pending = failure(Status.Code.UNAVAILABLE, "pelcro-grpc", "GATEWAY_CREATE_PENDING");
        var retried = new FailingService(pending, BROKEN);
        check(
                "retries with the same id",
                retried.succeeds() && retried.requestIds.size() == 3 && Set.copyOf(retried.requestIds).size() == 1);
        var another = new FailingService();
        check(
                "another create has another id",
                another.succeeds() && another.succeeds() && Set.copyOf(another.requestIds).size() == 2);
        var rejected = new FailingService(failure(Status.Code.INTERNAL, "pelcro-grpc", "PELCRO_INTERNAL_ERROR"));
        check("does not retry another error", !rejected.succeeds() && rejected.requestIds.size() == 1);
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
