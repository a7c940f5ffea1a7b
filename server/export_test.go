package server

import "time"

// SetReadTimeout replaces the time in which a request must arrive.
func (c *Config) SetReadTimeout(timeout time.Duration) { c.readTimeout = timeout }
