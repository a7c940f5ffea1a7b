package sandbox

// window is the length of Laravel's fixed window, in seconds.
const window = 60

// throttle is Laravel's fixed-window limiter for one key. A window begins with the first request
// after the end of the last window, not with a full minute. A rejected request does not count. Times
// are whole Unix seconds, as in Laravel, so the wait after a rejection is at least one second.
type throttle struct {
	limit int
	used  int
	end   int64 // of the window
}

// hit counts one request. A wait above zero means that it is rejected.
func (t *throttle) hit(now int64) (remaining int, wait int64) {
	if now >= t.end {
		t.used = 0
		t.end = now + window
	}
	if t.used >= t.limit {
		return 0, t.end - now
	}
	t.used++
	return t.limit - t.used, 0
}
