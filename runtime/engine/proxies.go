package engine

import (
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/observe"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
)

// openProxies makes what keeps the servers of proxies across generations.
func (e *Engine) openProxies() error {
	o := proxy.Options{Log: e.log.Logger}
	if e.metrics != nil {
		meter, err := e.metrics.Proxies(e.proxyState)
		if err != nil {
			return err
		}
		o.Meter = meter
	}
	e.shared.proxies = proxy.NewPools(o)
	return nil
}

// proxyState is how the servers of proxies are, for the metrics.
func (e *Engine) proxyState() []observe.ProxyServer {
	var servers []observe.ProxyServer
	for _, route := range e.shared.proxies.Status() {
		for i, s := range route.Servers {
			servers = append(servers, observe.ProxyServer{Route: route.Route, Index: i, Healthy: s.Healthy, Running: s.Running})
		}
	}
	return servers
}

// upstreamStatus is the same for the operator, who may know where they are.
func (e *Engine) upstreamStatus() []admin.Upstream {
	var servers []admin.Upstream
	for _, route := range e.shared.proxies.Status() {
		for _, s := range route.Servers {
			servers = append(servers, admin.Upstream{Route: route.Route, Address: s.Address, Healthy: s.Healthy, Running: int64(s.Running), Error: s.Why})
		}
	}
	return servers
}
