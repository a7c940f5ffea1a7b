import com.google.protobuf.Any;
import com.google.protobuf.Internal;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.pelcro.v1.ErrorReason;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;

/** Reads the details of an error of pelcro-grpc: at most one message of each type. */
final class ErrorDetails {
    private ErrorDetails() {}

    /** The error's detail of that type, an empty one if there is none. */
    static <T extends Message> T find(StatusRuntimeException error, Class<T> type) {
        var status = StatusProto.fromThrowable(error);
        try {
            for (Any detail : status.getDetailsList()) {
                if (detail.is(type)) {
                    return detail.unpack(type);
                }
            }
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException("unreadable detail", e);
        }
        return Internal.getDefaultInstance(type);
    }

    /** The error's reason, the unspecified one if this program does not know it. */
    static ErrorReason reason(StatusRuntimeException error) {
        ErrorInfo info = find(error, ErrorInfo.class);
        var known = ErrorReason.getDescriptor().findValueByName(info.getReason());
        boolean ours = info.getDomain().equals("pelcro-grpc") && known != null;
        return ours ? ErrorReason.valueOf(known) : ErrorReason.ERROR_REASON_UNSPECIFIED;
    }
}
