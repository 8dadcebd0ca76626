package admin

import "time"

// Status is what a running backend says of itself.
type Status struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Uptime     string    `json:"uptime"` // a Go duration, whole seconds
	Generation uint64    `json:"generation"`
	Ready      bool      `json:"ready"`
	// Why it is not ready, "" where it is.
	Why        string   `json:"why,omitempty"`
	Manifest   Manifest `json:"manifest"`
	LastReload *Reload  `json:"lastReload,omitempty"`
	// Listeners are what is bound, with the ports in use.
	Listeners []Listener `json:"listeners"`
	// TLS is left out where it is not spoken.
	TLS      *TLS     `json:"tls,omitempty"`
	Database Database `json:"database"`
	Cache    Cache    `json:"cache"`
	// Redis is left out where there is none.
	Redis *Redis `json:"redis,omitempty"`
	// Upstreams are the servers behind proxies.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// Functions is left out where there are none.
	Functions *Functions `json:"functions,omitempty"`
	// Triggers is left out where none is called besides by requests.
	Triggers *Triggers `json:"triggers,omitempty"`
	// Requests in flight, and the live subscribers' connections.
	Requests int64 `json:"requests"`
	Sockets  int   `json:"sockets"`
	// Draining is how many generations still finish requests, Generations are
	// they, the oldest first.
	Draining    int        `json:"draining"`
	Generations []Draining `json:"generations,omitempty"`
}

// Manifest says which manifest is served.
type Manifest struct {
	Path string   `json:"path"`
	Tags []string `json:"tags,omitempty"`
	Hash string   `json:"hash"`
}

// Reload is one reload and how it ended.
type Reload struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who,omitempty"`
	Result string    `json:"result"` // "swapped", "unchanged" or "refused"
	Took   string    `json:"took"`   // a Go duration
	// Faults is how many a refused manifest has, Said the first of them, a line
	// each.
	Faults int      `json:"faults,omitempty"`
	Said   []string `json:"said,omitempty"`
	// Changes are what a swapped one has changed, as plan shows it, up to
	// MostChanges of them; More are not shown.
	Changes []Change `json:"changes,omitempty"`
	More    int      `json:"more,omitempty"`
}

// MostChanges is how many changes of the last reload are kept.
const MostChanges = 200

// Change is one thing that a reload has changed, as plan shows it.
type Change struct {
	Area  string `json:"area"`
	Sign  string `json:"sign"`  // "+", "~" or "-"
	Grade string `json:"grade"` // how much it can hurt
	What  string `json:"what"`
	Was   string `json:"was,omitempty"`
	Is    string `json:"is,omitempty"`
}

// Draining is a generation that was swapped out and still finishes requests.
type Draining struct {
	Generation uint64    `json:"generation"`
	Requests   int64     `json:"requests"`
	Since      time.Time `json:"since"`
}

// Listener is one bound address.
type Listener struct {
	Name    string `json:"name"` // "http", "https", "http3", "metrics"
	Address string `json:"address"`
	// From is where the socket came from: "bound" here, "inherited" from the
	// process before, or "systemd".
	From string `json:"from,omitempty"`
	// Open are its connections now, Refused those that were over a bound. They are
	// left out where connections are not bounded.
	Open    int    `json:"open,omitempty"`
	Refused uint64 `json:"refused,omitempty"`
}

// TLS is how HTTPS is served.
type TLS struct {
	Kind         string        `json:"kind"` // "acme", "internal" or "files"
	Certificates []Certificate `json:"certificates"`
}

// Certificate is one declared domain, or one pair of files.
type Certificate struct {
	Domain string `json:"domain"`
	State  string `json:"state"`            // "valid", "waiting", "failing", "expired"
	Issuer string `json:"issuer,omitempty"` // "" before there is one
	// NotAfter is when the certificate that is shown ends, Next when another is
	// tried for.
	NotAfter *time.Time `json:"notAfter,omitempty"`
	Next     *time.Time `json:"next,omitempty"`
	// Error is why the last try failed.
	Error string `json:"error,omitempty"`
}

// Database says where rows live and whether they can be written.
type Database struct {
	Engine  string `json:"engine"`
	Path    string `json:"path"` // the file, or the place on a server
	Healthy bool   `json:"healthy"`
	// Bytes and Log are the sizes of the file and of its write-ahead log; left out
	// of a server.
	Bytes int64 `json:"bytes,omitempty"`
	Log   int64 `json:"log,omitempty"`
	// Drift is what was changed by hand, a line each.
	Drift []string `json:"drift,omitempty"`
}

// Cache is the memory tier's gauges and counters.
type Cache struct {
	Entries   int    `json:"entries"`
	Bytes     int64  `json:"bytes"`
	MaxBytes  int64  `json:"maxBytes"`
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
	Stales    uint64 `json:"stales"`
	Evictions uint64 `json:"evictions"`
	// Second is the tier that nodes share; left out where there is none.
	Second *SecondTier `json:"second,omitempty"`
}

// SecondTier is the counters of the cache's second tier since the start.
type SecondTier struct {
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	Errors uint64 `json:"errors,omitempty"`
}

// Redis is the server that nodes share.
type Redis struct {
	Kind string `json:"kind"` // "single", "sentinel" or "cluster"
	Up   bool   `json:"up"`
	// Breaker tells that nothing is asked of it until it answers again.
	Breaker bool       `json:"breaker"`
	Since   *time.Time `json:"since,omitempty"` // of that state
	Error   string     `json:"error,omitempty"` // the last one
}

// Upstream is a server behind a proxied route.
type Upstream struct {
	Route   string `json:"route"`
	Address string `json:"address"`
	Healthy bool   `json:"healthy"`
	Running int64  `json:"running"` // requests
	Error   string `json:"error,omitempty"`
}

// Functions is what runs them.
type Functions struct {
	Declared int   `json:"declared"`
	Modules  int   `json:"modules"` // compiled, each once
	Running  int   `json:"running"` // calls
	Waiting  int   `json:"waiting"` // calls that have no instance yet
	Idle     int   `json:"idle"`    // instances that wait for a call
	Memory   int64 `json:"memory"`  // bytes of all instances
	Limit    int64 `json:"limit"`
}

// Triggers are the functions that are called for commits and at times.
type Triggers struct {
	// Leads tells that this node calls them; else another does, and the rest is known
	// there.
	Leads     bool      `json:"leads"`
	Trouble   string    `json:"trouble,omitempty"`
	Functions []Trigger `json:"functions,omitempty"`
}

// Trigger is how one of them stands. Runs, Failures, Skipped and Missed are those
// since the start.
type Trigger struct {
	Name     string  `json:"name"`
	Runs     uint64  `json:"runs"`
	Failures uint64  `json:"failures,omitempty"`
	Skipped  uint64  `json:"skipped,omitempty"` // times that were passed over
	Missed   uint64  `json:"missed,omitempty"`  // how often the feed no longer reached back
	Running  int     `json:"running,omitempty"`
	Commits  int     `json:"commits,omitempty"` // read and not done
	Retries  int     `json:"retries,omitempty"` // changes that wait for another try, or behind one
	Dead     int     `json:"dead,omitempty"`    // dead letters
	Behind   float64 `json:"behind,omitempty"`  // seconds: the age of the oldest commit that is not done
	// Next and Last are when it is due, and was.
	Next    *time.Time `json:"next,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
	Error   string     `json:"error,omitempty"` // of the last call that failed
	ErrorAt *time.Time `json:"errorAt,omitempty"`
	// Removed tells that no manifest asks for it any more.
	Removed bool `json:"removed,omitempty"`
}
