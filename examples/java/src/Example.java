import com.pelcro.v1.Customer;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;

/** Provokes three errors of pelcro-grpc and handles each. */
final class Example {
    private static final Path SERVICE_CONFIG = Path.of("../../client/service-config-request-id.json");

    private Example() {}

    /** Arguments: [ADDRESS] [--max-wait SECONDS], the upper limit for every wait. */
    public static void main(String[] arguments) throws IOException {
        var words = List.of(arguments);
        int limit = words.indexOf("--max-wait");
        var maxWait = Duration.ofDays(1);
        if (limit >= 0) {
            maxWait = Duration.ofSeconds(Long.parseLong(words.get(limit + 1)));
        }
        String address = words.isEmpty() || limit == 0 ? "127.0.0.1:50051" : words.get(0);
        var customers = new Customers(Connection.to(address, SERVICE_CONFIG), maxWait);
        String name = "nora-" + UUID.randomUUID().toString().substring(0, 8);

        boolean created =
                attempt(
                        "1. Create a customer with a bad email",
                        () -> customers.createCorrected("nora", name + "@example.com"));
        attempt("2. Get a customer over the rate limit", () -> customers.getAfterDelay(429));
        attempt(
                "3. Create a customer and lose the response",
                () -> customers.createOnce("http-502+created@" + name + ".example.com"));
        System.exit(created ? 0 : 1);
    }

    /** Runs a step and prints its result; returns whether it succeeded. */
    private static boolean attempt(String title, Supplier<Customer> action) {
        System.out.println(title);
        try {
            Customer customer = action.get();
            Customers.say("customer %d is %s", customer.getId(), customer.getEmail());
            return true;
        } catch (StatusRuntimeException e) {
            var status = e.getStatus();
            Customers.say("failed: %s, %s: %s", status.getCode(), ErrorDetails.reason(e), status.getDescription());
            return false;
        }
    }
}
