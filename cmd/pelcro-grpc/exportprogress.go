package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/pelcro-grpc/pelcro-grpc/internal/export"
)

// eraseLine moves a terminal to the start of the line and erases it.
const eraseLine = "\r\x1b[K"

// progressLine shows how far an export is, once a second, if it is watched at a terminal.
type progressLine struct {
	to         io.Writer
	isTerminal bool
	started    time.Time
	// before is how many customers were written by earlier runs.
	before int64

	mu      sync.Mutex
	current export.Progress
	ended   chan struct{}
	ticking sync.WaitGroup
}

// startProgress shows the progress until stop.
func startProgress(to io.Writer, isTerminal bool, before int64) *progressLine {
	p := &progressLine{
		to: to, isTerminal: isTerminal, started: time.Now(), before: before,
		current: export.Progress{Customers: before}, ended: make(chan struct{}),
	}
	if isTerminal {
		p.ticking.Go(p.tick)
	}
	return p
}

// isTerminal reports whether a person reads what is written.
func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}

func (p *progressLine) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			fmt.Fprint(p.to, eraseLine+progressText(p.current, p.before, time.Since(p.started)))
			p.mu.Unlock()
		case <-p.ended:
			return
		}
	}
}

func (p *progressLine) update(current export.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = current
}

// printf writes a line of its own.
func (p *progressLine) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isTerminal {
		fmt.Fprint(p.to, eraseLine)
	}
	fmt.Fprintf(p.to, "pelcro-grpc: "+format+"\n", args...)
}

// stop ends the display, and erases it.
func (p *progressLine) stop() {
	close(p.ended)
	p.ticking.Wait()
	if p.isTerminal {
		fmt.Fprint(p.to, eraseLine)
	}
}

// progressText returns the line of a progress. The time that is left follows from this run so far,
// whose speed is that of Pelcro's quota.
func progressText(current export.Progress, before int64, elapsed time.Duration) string {
	if current.Total == 0 {
		return counted(current.Customers)
	}
	text := fmt.Sprintf("%d of %s, %d%%", current.Customers, counted(current.Total), min(100, 100*current.Customers/current.Total))
	if written := current.Customers - before; written > 0 && current.Total >= current.Customers {
		left := time.Duration(float64(elapsed) / float64(written) * float64(current.Total-current.Customers))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}
