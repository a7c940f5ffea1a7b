package promises_test

import (
	"strings"
	"sync"
)

// journal is a log in memory.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// end is the last of it, for people to read.
func (j *journal) end() string {
	const most = 3 << 10
	text := j.String()
	return text[max(0, len(text)-most):]
}
