import com.google.gson.Gson;
import com.pelcro.v1.CustomerServiceGrpc;
import com.pelcro.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import io.grpc.ManagedChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Connects to pelcro-grpc. */
final class Connection {
    private Connection() {}

    /** A client of the customer service, with the retries and timeouts of the service config. */
    @SuppressWarnings("unchecked")
    static CustomerServiceBlockingStub to(String address, Path serviceConfig) throws IOException {
        Map<String, ?> config = new Gson().fromJson(Files.readString(serviceConfig), Map.class);
        return CustomerServiceGrpc.newBlockingStub(
                ManagedChannelBuilder.forTarget(address)
                        .usePlaintext()
                        .defaultServiceConfig(config)
                        .enableRetry() // old releases, such as Debian's, do not retry without it
                        .build());
    }
}
