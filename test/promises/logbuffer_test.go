package promises_test

import (
	"strings"
	"sync"
)

// logBuffer is a log in memory.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// end returns the last part, for the output of a failed test.
func (b *logBuffer) end() string {
	const most = 3 << 10
	text := b.String()
	return text[max(0, len(text)-most):]
}
