import com.google.gson.Gson;
import com.pelcro.v1.CustomerServiceGrpc;
import com.pelcro.v1.CustomerServiceGrpc.CustomerServiceBlockingStub;
import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Executor;

/** Connects to pelcro-grpc. */
final class Connection {
    private Connection() {}

    /** A client of the customer service, with the retries and timeouts of the service config. */
    @SuppressWarnings("unchecked")
    static CustomerServiceBlockingStub to(String address, Path serviceConfig) throws IOException {
        Map<String, ?> config = new Gson().fromJson(Files.readString(serviceConfig), Map.class);
        var service =
                CustomerServiceGrpc.newBlockingStub(
                        Grpc.newChannelBuilder(address, channelCredentials())
                                .defaultServiceConfig(config)
                                .enableRetry() // old releases, such as Debian's, do not retry without it
                                .build());
        String token = setting("PELCRO_GRPC_TOKEN");
        return token.isEmpty() ? service : service.withCallCredentials(new Bearer(token));
    }

    /**
     * PELCRO_GRPC_CA_FILE holds the CA of the service's certificate, in PEM, or is "system"; without
     * it there is no TLS. PELCRO_GRPC_TOKEN is the caller's token.
     */
    private static ChannelCredentials channelCredentials() throws IOException {
        String caFile = setting("PELCRO_GRPC_CA_FILE");
        if (caFile.isEmpty()) {
            if (!setting("PELCRO_GRPC_TOKEN").isEmpty()) {
                throw new IllegalStateException("PELCRO_GRPC_TOKEN needs TLS: set PELCRO_GRPC_CA_FILE");
            }
            return InsecureChannelCredentials.create();
        }
        if (caFile.equals("system")) {
            return TlsChannelCredentials.create();
        }
        return TlsChannelCredentials.newBuilder().trustManager(new File(caFile)).build();
    }

    private static String setting(String name) {
        return System.getenv().getOrDefault(name, "");
    }

    /** A token that is sent with each call. */
    private static final class Bearer extends CallCredentials {
        private final Metadata headers = new Metadata();

        Bearer(String token) {
            headers.put(
                    Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
        }

        @Override
        public void applyRequestMetadata(RequestInfo info, Executor executor, MetadataApplier applier) {
            applier.apply(headers);
        }

        @Override
        public void thisUsesUnstableApi() {}
    }
}
