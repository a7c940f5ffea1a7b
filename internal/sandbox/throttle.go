package sandbox

// window is the length of Laravel's fixed window, in seconds.
const window = 60

// A throttle is Laravel's fixed-window limiter for one key. A window opens at the
// first call after the last one closed, not at full minutes, and a refused call
// neither counts nor moves it. Times are whole Unix seconds, as Laravel has them,
// so a refusal always has at least one second to wait.
type throttle struct {
	limit  int
	used   int
	closes int64
}

// hit counts one call. A wait above zero means that it is refused.
func (t *throttle) hit(now int64) (remaining int, wait int64) {
	if now >= t.closes {
		t.used = 0
		t.closes = now + window
	}
	if t.used >= t.limit {
		return 0, t.closes - now
	}
	t.used++
	return t.limit - t.used, 0
}
