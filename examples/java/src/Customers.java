import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import com.pelcro.v1.CreateCustomerRequest;
import com.pelcro.v1.Customer;
import com.pelcro.v1.CustomerFilter;
import com.pelcro.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import com.pelcro.v1.ErrorReason;
import com.pelcro.v1.GetCustomerRequest;
import com.pelcro.v1.ListCustomersRequest;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Calls the customer service and handles its errors. */
final class Customers {
    /** The delay after a rate limit whose error has none. */
    private static final Duration DEFAULT_DELAY = Duration.ofSeconds(60);

    /** How long Pelcro may need to finish a create whose response was lost. */
    private static final Duration SETTLE_TIME = Duration.ofSeconds(1);

    private final CustomerServiceBlockingStub service;
    private final Duration maxWait;

    Customers(CustomerServiceBlockingStub service, Duration maxWait) {
        this.service = service;
        this.maxWait = maxWait;
    }

    Customer create(String email) {
        var customer = Customer.newBuilder().setEmail(email);
        var request = CreateCustomerRequest.newBuilder().setCustomer(customer).build();
        return service.createCustomer(request).getCustomer();
    }

    Customer get(long id) {
        return service.getCustomer(GetCustomerRequest.newBuilder().setId(id).build()).getCustomer();
    }

    Optional<Customer> lookUp(String email) {
        var sameEmail =
                CustomerFilter.newBuilder()
                        .setAttribute("email")
                        .setOperator(CustomerFilter.Operator.OPERATOR_EQUALS)
                        .addValues(email);
        var request = ListCustomersRequest.newBuilder().addFilters(sameEmail).build();
        return service.listCustomers(request).getCustomersList().stream().findFirst();
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
            var delay = ErrorDetails.find(e, RetryInfo.class).getRetryDelay();
            var known = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
            await(known.isZero() ? DEFAULT_DELAY : known);
        }
        return get(id);
    }

    /**
     * Creates a customer. When the first attempt may have created it, it looks the customer up before
     * it creates one again.
     */
    Customer createOnce(String email) {
        try {
            return create(email);
        } catch (StatusRuntimeException e) {
            if (!ErrorDetails.mayExist(e)) {
                throw e;
            }
        }
        say("%s may have been created: looking it up", email);
        await(SETTLE_TIME);
        Optional<Customer> found = lookUp(email);
        say(found.isPresent() ? "found" : "not found: creating it again");
        return found.orElseGet(() -> create(email));
    }

    private void await(Duration delay) {
        if (delay.compareTo(maxWait) > 0) {
            say("retry delay %d s: waiting %d s (--max-wait)", delay.toSeconds(), maxWait.toSeconds());
        } else if (delay.compareTo(SETTLE_TIME) > 0) {
            say("retry delay %d s: waiting", delay.toSeconds());
        }
        try {
            TimeUnit.MILLISECONDS.sleep(Math.min(delay.toMillis(), maxWait.toMillis()));
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    static void say(String format, Object... values) {
        System.out.printf("   " + format + "%n", values);
    }
}
