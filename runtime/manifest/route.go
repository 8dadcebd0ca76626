package manifest

import "time"

// Route is one declared route; exactly one of the handlers is set.
type Route struct {
	Pattern  string // as written: "METHOD HOST/PATH"
	Method   string // "" is any
	Host     string // "" is any; without port, lower case; "*.example.com" is one more label
	URLPath  string // "/old", "/files/*", "/price/{id}"
	Static   *Static
	Respond  *Respond
	Redirect *Redirect
	Query    *CallQuery
	Function *CallFunction
	Proxy    *Proxy
	Use      []string // names of middleware
	Cache    string   // policy name, "" for none
	Rate     string   // rate name as written; see RateName
	Body     int64    // bytes; 0 is Limits.Body
	Timeout  time.Duration
	Path     string // in the manifest
}

// RateName is the rate that counts the route's requests where no middleware says
// another: what asks neither the database nor code is counted by none, "".
func (r *Route) RateName() string {
	if r.Rate == "" && (r.Query != nil || r.Function != nil) {
		return "default"
	}
	return r.Rate
}

// Static serves the files of a folder.
type Static struct {
	Dir string // absolute
	SPA bool   // unknown paths answer index.html
	// CleanURLs answers /about with about.html.
	CleanURLs bool
	NotFound  string // a file in Dir that answers, with 404, where there is none; slashes
}

// Respond answers fixed bytes.
type Respond struct {
	Status  int
	Body    string
	Headers map[string]string
}

// Redirect answers a Location.
type Redirect struct {
	To     string
	Status int
}

// Proxy sends requests on to other servers.
type Proxy struct {
	To      []string // http://, https://, h2c:// or unix:/
	Balance string   // leastLoaded, roundRobin, random or hash
	By      string   // of hash: ip, path, header:NAME or cookie:NAME
	Health  *Health  // nil: servers are not asked
	// A server that failed FailCount requests within FailWithin is left alone for
	// FailPause. FailCount 0: never.
	FailCount             int
	FailWithin, FailPause time.Duration
	Retries               int
	Strip                 string // of the beginning of the path
	Rewrite               string // path with {parameters}; "" is the request's own
	Host                  string // "" is the request's own
	Request, Response     Headers
	Connect, Answer       time.Duration
	Unbuffered            bool
	Roots                 string            // absolute; a PEM file, "" for the system's
	Certificate           *CertificateFiles // nil: none
	Credentials           bool              // Authorization and Cookie are sent on
	Path                  string
}

// Health is how the servers of a proxy are asked how they are.
type Health struct {
	URLPath           string
	Status            int // 0 is 200 to 299
	Interval, Timeout time.Duration
	Passes, Fails     int
}

// Headers are changes of headers: Remove, then Set, then Add. {client}, {host} and
// {id} in values are of the request. Pairs are in the order of the source.
type Headers struct {
	Set, Add []Setting
	Remove   []string
}

// Empty reports that nothing is changed.
func (h *Headers) Empty() bool { return len(h.Set)+len(h.Add)+len(h.Remove) == 0 }

// Middleware is what stands before routes that use it. Fields that it does not
// declare are nil, zero or "".
type Middleware struct {
	Name        string
	IP          *IPRule
	Certificate *ClientCertificate
	Rate        string
	Basic       *Basic
	Access      Condition
	Body        int64
	Inflate     bool
	Cache       string
	Headers     Headers
	Compress    *Compress
	Path        string
}

// IPRule is which addresses may come. nil Allow is everybody.
type IPRule struct {
	Allow, Deny []string // CIDR prefixes
}

// ClientCertificate is which certificates callers must show.
type ClientCertificate struct {
	Roots string   // absolute; a PEM file
	Names []string // empty: any
}

// Basic is who may come with a name and a password.
type Basic struct {
	Realm string
	Users []NamedSecret // hashes of passwords
}
