package main

import (
	"net/url"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/pelcro-grpc/pelcro-grpc/internal/quota"
)

// redisEnv may hold a URL with a password, which a command line would show to others.
const redisEnv = envPrefix + "_REDIS_URL"

// redis returns the Redis that the replicas share, nil for none, and adds the problems of its URL. It
// connects when it is used.
func (c serveCommand) redis(found *problems) redis.UniversalClient {
	if c.RedisURL == "" {
		return nil
	}
	if address, err := url.Parse(c.RedisURL); err == nil && os.Getenv(redisEnv) != c.RedisURL {
		if _, hasPassword := address.User.Password(); hasPassword {
			found.addf("--redis-url holds a password, which others can see in the list of processes; put the URL into %s instead", redisEnv)
		}
	}
	client, err := quota.OpenRedis(c.RedisURL)
	if err != nil {
		found.addf("--redis-url %w", err)
		return nil
	}
	return client
}

// withoutPassword returns a URL as it may be shown.
func withoutPassword(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "(hidden)"
	}
	return parsed.Redacted()
}
