package logging

import (
	"context"
	"fmt"
	"log"
	"log/slog"
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
	grpclog.SetLoggerV2(grpcLogger{})
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

// grpcLogger implements [grpclog.LoggerV2]. By default grpc-go prints errors only, so its warnings
// are for debugging, and the rest is dropped.
type grpcLogger struct{}

const grpcLibrary = "grpc-go"

// V implements [grpclog.LoggerV2]: nothing beyond the usual is printed.
func (grpcLogger) V(int) bool { return false }

// Info, Infoln and Infof implement [grpclog.LoggerV2].
func (grpcLogger) Info(...any)          {}
func (grpcLogger) Infoln(...any)        {}
func (grpcLogger) Infof(string, ...any) {}

// Warning, Warningln and Warningf implement [grpclog.LoggerV2].
func (grpcLogger) Warning(args ...any) { receive(slog.LevelDebug, grpcLibrary, fmt.Sprint(args...)) }
func (grpcLogger) Warningln(args ...any) {
	receive(slog.LevelDebug, grpcLibrary, fmt.Sprintln(args...))
}
func (grpcLogger) Warningf(format string, args ...any) {
	receive(slog.LevelDebug, grpcLibrary, fmt.Sprintf(format, args...))
}

// Error, Errorln and Errorf implement [grpclog.LoggerV2].
func (grpcLogger) Error(args ...any)   { receive(slog.LevelWarn, grpcLibrary, fmt.Sprint(args...)) }
func (grpcLogger) Errorln(args ...any) { receive(slog.LevelWarn, grpcLibrary, fmt.Sprintln(args...)) }
func (grpcLogger) Errorf(format string, args ...any) {
	receive(slog.LevelWarn, grpcLibrary, fmt.Sprintf(format, args...))
}

// Fatal, Fatalln and Fatalf implement [grpclog.LoggerV2]: grpclog ends the process after them.
func (grpcLogger) Fatal(args ...any)                 { fatal(fmt.Sprint(args...)) }
func (grpcLogger) Fatalln(args ...any)               { fatal(fmt.Sprintln(args...)) }
func (grpcLogger) Fatalf(format string, args ...any) { fatal(fmt.Sprintf(format, args...)) }

// fatal logs the message and writes all lines.
func fatal(message string) {
	receive(slog.LevelError, grpcLibrary, message)
	if l := receiver.Load(); l != nil {
		l.Close()
	}
}
