package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// dialing makes the connections of one client of a load: each call gives one, and
// says whether it is used for a single request.
type dialing func(address string) (dial func(context.Context) (net.Conn, error), once bool)

// kept is one connection for all requests.
func kept(secure bool) dialing {
	return func(address string) (func(context.Context) (net.Conn, error), bool) {
		if secure {
			return overTLS(address, &tls.Config{}, false), false
		}
		var dialer net.Dialer
		return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }, false
	}
}

// fullHandshakes begin each connection anew.
func fullHandshakes(address string) (func(context.Context) (net.Conn, error), bool) {
	return overTLS(address, &tls.Config{}, false), true
}

// resumedHandshakes go on with the session of the connection before; only the
// first one is full.
func resumedHandshakes(address string) (func(context.Context) (net.Conn, error), bool) {
	return overTLS(address, &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(1)}, true), true
}

func overTLS(address string, config *tls.Config, resumed bool) func(context.Context) (net.Conn, error) {
	config.ServerName = frontHost
	config.InsecureSkipVerify = true // the certificate is this program's own
	config.MinVersion = tls.VersionTLS13
	dialer := &tls.Dialer{Config: config}
	first := true
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		if did := conn.(*tls.Conn).ConnectionState().DidResume; did != (resumed && !first) {
			return nil, errors.Join(fmt.Errorf("a session was resumed: %v", did), conn.Close())
		}
		first = false
		return conn, nil
	}
}
