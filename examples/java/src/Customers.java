import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import com.pelcro.v1.BatchGetCustomersRequest;
import com.pelcro.v1.BatchGetCustomersResponse;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.Customer;
import com.pelcro.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import com.pelcro.v1.ErrorReason;
import com.pelcro.v1.GetCustomerRequest;
import com.pelcro.v1.StreamCustomersRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Calls the customer service and handles its errors. */
final class Customers {
    /** The delay after a rate limit whose error has none. */
    private static final Duration DEFAULT_DELAY = Duration.ofSeconds(60);

    /** The delay before a broken stream is continued whose error has none. */
    private static final Duration STREAM_DELAY = Duration.ofSeconds(5);

    private final CustomerServiceBlockingStub service;
    private final Duration maxWait;

    Customers(CustomerServiceBlockingStub service, Duration maxWait) {
        this.service = service;
        this.maxWait = maxWait;
    }

    Customer create(String email) {
        return service.createCustomer(newCustomer(email)).getCustomer();
    }

    /** Returns a create with a request_id of its own. */
    private static CreateCustomerRequest newCustomer(String email) {
        return CreateCustomerRequest.newBuilder()
                .setRequestId(UUID.randomUUID().toString())
                .setCustomer(Customer.newBuilder().setEmail(email))
                .build();
    }

    Customer get(long id) {
        return service.getCustomer(GetCustomerRequest.newBuilder().setId(id).build()).getCustomer();
    }

    /** Creates a customer, with the other email if Pelcro rejects the first. */
    Customer createCorrected(String email, String correctEmail) {
        try {
            return create(email);
        } catch (StatusRuntimeException e) {
            if (ErrorDetails.reason(e) != ErrorReason.PELCRO_VALIDATION_FAILED) {
                throw e;
            }
            for (var v : ErrorDetails.find(e, BadRequest.class).getFieldViolationsList()) {
                say("rejected: %s: %s (%s)", v.getField(), v.getDescription(), v.getReason());
            }
        }
        return create(correctEmail);
    }

    /** Gets a customer. After a rate limit it waits for the delay of the error and retries once. */
    Customer getAfterDelay(long id) {
        try {
            return get(id);
        } catch (StatusRuntimeException e) {
            if (ErrorDetails.reason(e) != ErrorReason.PELCRO_RATE_LIMITED) {
                throw e;
            }
            await(retryDelay(e, DEFAULT_DELAY));
        }
        return get(id);
    }

    /**
     * Creates a customer: exactly one, however often it has to send the request, because all of its
     * attempts have the same request_id.
     */
    Customer createOnce(String email) {
        var request = newCustomer(email);
        while (true) {
            try {
                return service.createCustomer(request).getCustomer();
            } catch (StatusRuntimeException e) {
                if (e.getStatus().getCode() != Status.Code.UNAVAILABLE) {
                    throw e;
                }
                say("%s: sending it again", ErrorDetails.reason(e));
                await(retryDelay(e, Duration.ZERO));
            }
        }
    }

    /** Uses each customer. A stream that breaks is continued after the last message that was used. */
    void readAll(Consumer<Customer> use) {
        var request = StreamCustomersRequest.newBuilder();
        while (true) {
            try {
                for (var stream = service.streamCustomers(request.build()); stream.hasNext(); ) {
                    var message = stream.next();
                    message.getCustomersList().forEach(use);
                    request.setResumeToken(message.getResumeToken());
                }
                return;
            } catch (StatusRuntimeException e) {
                var code = e.getStatus().getCode();
                if (code != Status.Code.UNAVAILABLE && code != Status.Code.RESOURCE_EXHAUSTED) {
                    throw e;
                }
                say("%s: continuing the stream", ErrorDetails.reason(e));
                await(retryDelay(e, STREAM_DELAY));
            }
        }
    }

    /** Gets customers by their ids, with one request to Pelcro for each hundred. */
    BatchGetCustomersResponse getMany(List<Long> ids) {
        return service.batchGetCustomers(BatchGetCustomersRequest.newBuilder().addAllIds(ids).build());
    }

    /** Returns the delay of the error, or the other one if it has none. */
    private static Duration retryDelay(StatusRuntimeException error, Duration otherwise) {
        var delay = ErrorDetails.find(error, RetryInfo.class).getRetryDelay();
        var known = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        return known.isZero() ? otherwise : known;
    }

    private void await(Duration delay) {
        if (delay.compareTo(maxWait) > 0) {
            say("retry delay %d s: waiting %d s (--max-wait)", delay.toSeconds(), maxWait.toSeconds());
        }
        try {
            TimeUnit.MILLISECONDS.sleep(Math.min(delay.toMillis(), maxWait.toMillis()));
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    static void show(Customer customer) {
        say("customer %d is %s", customer.getId(), customer.getEmail());
    }

    static void say(String format, Object... values) {
        System.out.printf("   " + format + "%n", values);
    }
}
