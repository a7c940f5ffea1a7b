package logging

import (
	"context"
	"io"
	"log"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/grpclog"
)

// receiver gets what libraries print; without one, nil, it is dropped.
var receiver atomic.Pointer[Log]

// RedirectLibraries sends what libraries print through Go's standard logger, and through grpc-go's,
// to the log of the last [Log.ReceiveLibraries]; without one it is dropped. It must be called before
// any function of grpc-go.
//
// Such messages may quote what a peer sent: of an unexpected response, net/http prints the
// first 4 KiB, in which there may be an API key or a customer. So only the part of a message before
// the first quotation mark is logged.
func RedirectLibraries() {
	log.SetFlags(0)
	log.SetOutput(standardLogger{})
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, grpcLogger{}, io.Discard))
}

// ReceiveLibraries makes the log the one that receives what libraries print.
func (l *Log) ReceiveLibraries() { receiver.Store(l) }

// receive logs a message of a library.
func receive(level slog.Level, library, message string) {
	if l := receiver.Load(); l != nil {
		l.Logger.Log(context.Background(), level, "library message", "library", library, "cause", unquoted(message))
	}
}

// maxMessage is how much of a message is logged, in bytes.
const maxMessage = 256

// unquoted returns the first line of a message until its first quotation mark.
func unquoted(message string) string {
	kept := message
	if end := strings.IndexAny(kept, "\"`\n"); end >= 0 {
		kept = kept[:end]
	}
	kept = strings.ToValidUTF8(kept[:min(len(kept), maxMessage)], "")
	if len(kept) < len(strings.TrimSuffix(message, "\n")) {
		kept += "…"
	}
	return kept
}

// standardLogger is the output of Go's standard logger.
type standardLogger struct{}

// Write implements [io.Writer].
func (standardLogger) Write(message []byte) (int, error) {
	receive(slog.LevelWarn, "go", string(message))
	return len(message), nil
}

// grpcLogger is the output of grpc-go's logger, without the lines for information.
type grpcLogger struct{}

// grpcLine is "DATE TIME SEVERITY: MESSAGE".
var grpcLine = regexp.MustCompile(`(?s)^\S+ \S+ (WARNING|ERROR|FATAL): (.*)`)

// grpcLevels are the levels of the severities. By default grpc-go prints errors only, so its warnings
// are for debugging.
var grpcLevels = map[string]slog.Level{"WARNING": slog.LevelDebug, "ERROR": slog.LevelWarn, "FATAL": slog.LevelError}

// Write implements [io.Writer]. After a fatal error, all lines are written, because grpc-go ends the
// process.
func (grpcLogger) Write(line []byte) (int, error) {
	severity, message := "ERROR", string(line)
	if parts := grpcLine.FindStringSubmatch(message); parts != nil {
		severity, message = parts[1], parts[2]
	}
	receive(grpcLevels[severity], "grpc-go", message)
	if l := receiver.Load(); l != nil && severity == "FATAL" {
		l.Close()
	}
	return len(line), nil
}
