package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is how the process stands, read when the metrics are asked for.
type State struct {
	Ready, DatabaseHealthy bool
	Generation             uint64
	Draining               int // generations
	Started                time.Time
	Listeners              []ListenerState
	// DatabaseBytes and LogBytes are the sizes of the database's file and of its
	// write-ahead log; negative where it has none.
	DatabaseBytes, LogBytes int64
	// Functions is nil where there are none.
	Functions *FunctionsState
}

// ListenerState is one listener of clients.
type ListenerState struct {
	Name    string
	Open    int
	Refused uint64
}

// FunctionsState is what runs functions.
type FunctionsState struct {
	Running, Waiting, Idle int
	Memory, Limit          int64 // bytes
}

var (
	stateReady      = prometheus.NewDesc("edgehive_ready", "1 while /ready says yes, else 0.", nil, nil)
	stateHealthy    = prometheus.NewDesc("edgehive_database_healthy", "1 while the database can be read and written, else 0.", nil, nil)
	stateSize       = prometheus.NewDesc("edgehive_database_size_bytes", "Size of the database's file.", nil, nil)
	stateLog        = prometheus.NewDesc("edgehive_database_wal_size_bytes", "Size of the database's write-ahead log.", nil, nil)
	stateGeneration = prometheus.NewDesc("edgehive_generation", "The number of the generation that serves.", nil, nil)
	stateDraining   = prometheus.NewDesc("edgehive_generations_draining", "Generations that were swapped out and still finish requests.", nil, nil)
	stateStarted    = prometheus.NewDesc("edgehive_start_time_seconds", "When the backend was started, in seconds since 1970.", nil, nil)
	stateOpen       = prometheus.NewDesc("edgehive_connections_open", "Open connections, by listener.", []string{"listener"}, nil)
	stateRefused    = prometheus.NewDesc("edgehive_connections_refused_total", "Connections over a bound, by listener.", []string{"listener"}, nil)
	stateRunning    = prometheus.NewDesc("edgehive_function_calls_running", "Calls of functions that run.", nil, nil)
	stateWaiting    = prometheus.NewDesc("edgehive_function_calls_waiting", "Calls of functions that wait for an instance.", nil, nil)
	stateIdle       = prometheus.NewDesc("edgehive_function_instances_idle", "Instances of functions that wait for a call.", nil, nil)
	stateMemory     = prometheus.NewDesc("edgehive_function_instances_bytes", "Memory of all instances of functions.", nil, nil)
	stateLimit      = prometheus.NewDesc("edgehive_function_instances_max_bytes", "Memory that all instances of functions may have.", nil, nil)
)

// State adds how the process stands.
func (m *Metrics) State(read func() State) error {
	return m.registry.Register(&reading{
		descriptions: []*prometheus.Desc{
			stateReady, stateHealthy, stateSize, stateLog, stateGeneration, stateDraining, stateStarted, stateOpen, stateRefused,
			stateRunning, stateWaiting, stateIdle, stateMemory, stateLimit,
		},
		collect: func(r *readings) {
			s := read()
			r.gauge(stateReady, truth(s.Ready))
			r.gauge(stateHealthy, truth(s.DatabaseHealthy))
			if s.DatabaseBytes >= 0 {
				r.gauge(stateSize, float64(s.DatabaseBytes))
				r.gauge(stateLog, float64(s.LogBytes))
			}
			r.gauge(stateGeneration, float64(s.Generation))
			r.gauge(stateDraining, float64(s.Draining))
			r.gauge(stateStarted, float64(s.Started.UnixMilli())/1000)
			for _, l := range s.Listeners {
				r.gauge(stateOpen, float64(l.Open), l.Name)
				r.count(stateRefused, l.Refused, l.Name)
			}
			if f := s.Functions; f != nil {
				r.gauge(stateRunning, float64(f.Running))
				r.gauge(stateWaiting, float64(f.Waiting))
				r.gauge(stateIdle, float64(f.Idle))
				r.gauge(stateMemory, float64(f.Memory))
				r.gauge(stateLimit, float64(f.Limit))
			}
		},
	})
}
