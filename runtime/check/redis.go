package check

import (
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const codeRedis = "bad-redis"

// redis checks what nodes share. What stands at its url is a secret, and what is
// wrong with that is told at the start.
func (c *checker) redis() {
	r := c.m.Cache.Redis
	if r == nil {
		return
	}
	c.duration(r.Path+".timeout", r.Timeout, time.Millisecond, 10*time.Second)
	if r.Kind == manifest.RedisSingle && len(r.Addresses) > 0 {
		c.report(r.Path+".addresses", fault.New(codeRedis, "one server has one address, which is that of its url").
			WithHint(`take them away, or say what stands there: kind: "sentinel", or "cluster"`))
	}
	known := map[string]int{}
	for i, address := range r.Addresses {
		path := r.Path + ".addresses[" + strconv.Itoa(i) + "]"
		host, port, err := net.SplitHostPort(address)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || !isHost(host) {
			c.report(path, fault.Newf(codeAddress, "%q is no address of a server", address).WithHint("write HOST:PORT, as cache-2.internal:6379"))
			continue
		}
		if other, twice := known[strings.ToLower(address)]; twice {
			c.report(path, c.also(fault.Newf(codeDuplicate, "the address %s is named twice", address).WithHint("take one away"),
				r.Path+".addresses["+strconv.Itoa(other)+"]"))
		} else {
			known[strings.ToLower(address)] = i
		}
	}
	if r.Roots == "" {
		return
	}
	if info, err := os.Stat(r.Roots); err != nil || info.IsDir() {
		c.report(r.Path+".roots", fault.New(codeRedis, "there is no file of certificates here").
			WithHint("name a file in PEM, or leave roots out to trust what this machine trusts"))
	}
}
