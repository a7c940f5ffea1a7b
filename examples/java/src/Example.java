import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Provokes three errors of pelcro-grpc and handles each, and reads many customers. */
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
                        () -> Customers.show(customers.createCorrected("nora", name + "@example.com")));
        attempt(
                "2. Get a customer over the rate limit",
                () -> Customers.show(customers.getAfterDelay(429)));
        attempt(
                "3. Create a customer and lose the response",
                () -> Customers.show(customers.createOnce("http-502+created@" + name + ".example.com")));
        attempt("4. Read all customers", () -> readAll(customers));
        attempt("5. Get customers by their ids", () -> getMany(customers));
        System.exit(created ? 0 : 1);
    }

    private static void readAll(Customers customers) {
        var ids = new ArrayList<Long>();
        customers.readAll(customer -> ids.add(customer.getId()));
        Customers.say("%d customers, up to %d", ids.size(), ids.get(ids.size() - 1));
    }

    private static void getMany(Customers customers) {
        var response = customers.getMany(List.of(1002L, 1001L, 2001L));
        response.getCustomersList().forEach(Customers::show);
        Customers.say("missing: %s", response.getMissingIdsList());
    }

    /** Runs a step, and prints its error; returns whether it succeeded. */
    private static boolean attempt(String title, Runnable step) {
        System.out.println(title);
        try {
            step.run();
            return true;
        } catch (StatusRuntimeException e) {
            var status = e.getStatus();
            Customers.say("failed: %s, %s: %s", status.getCode(), ErrorDetails.reason(e), status.getDescription());
            return false;
        }
    }
}
