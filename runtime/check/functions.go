package check

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

const (
	codeFunction        = "bad-function"
	codeUnknownFunction = "unknown-function"
	codeGrant           = "bad-grant"
	codeTrigger         = "bad-trigger"
	codeSchedule        = "bad-schedule"
	codeModule          = "bad-module"
)

const (
	mostSettings   = 100 // of config, and of secrets
	longestSetting = 64 << 10
	mib            = int64(1) << 20
)

// settingPattern is what settings and secrets may be called: names of variables,
// as commands get them.
var settingPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,126}$`)

// commandVariables are what a command has of its request; no setting may look
// like one.
var commandVariables = []string{
	"REQUEST_METHOD", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "AUTH_TYPE", "GATEWAY_INTERFACE",
	"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_USER", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE",
}

// functions checks what functions are called, what calls them, what they may
// reach and take, and their modules.
func (c *checker) functions() {
	names := uniqueNames{c: c, kind: "function"}
	modules := map[string]module{}
	for i := range c.m.Functions {
		f := &c.m.Functions[i]
		c.name("function", f.Name, f.Path)
		names.add(f.Name, f.Path)
		c.on(f)
		c.functionLimits(f)
		c.settings(f)
		c.grants(f)
		c.module(f, modules)
	}
	for i := range c.m.Routes {
		r := &c.m.Routes[i]
		if r.Function != nil && c.m.Function(r.Function.Name) == nil {
			c.report(r.Path+".function.name", c.noFunction(r.Function.Name))
		}
	}
}

func (c *checker) noFunction(name string) *fault.Fault {
	names := make([]string, len(c.m.Functions))
	for i := range c.m.Functions {
		names[i] = c.m.Functions[i].Name
	}
	return fault.Newf(codeUnknownFunction, "there is no function %q", name).WithHint(fault.NearestHint(name, names, "declare it in functions"))
}

func (c *checker) functionLimits(f *manifest.Function) {
	path, l := f.Path+".limits", &f.Limits
	c.size(path+".memory", l.Memory, mib, 256*mib)
	c.duration(path+".timeout", l.Timeout, time.Millisecond, 30*time.Second)
	c.count(path+".instances", l.Instances, 1000)
	c.count(path+".waiting", l.Waiting, 100_000)
	c.size(path+".answer", l.Answer, 1, 64*mib)
	c.size(path+".log", l.Log, 1, mib)
}

// settings checks the names of what a function may read: settings and secrets
// share them.
func (c *checker) settings(f *manifest.Function) {
	seen := map[string]string{}
	name := func(kind, name, path string) {
		switch other, twice := seen[name]; {
		case !settingPattern.MatchString(name):
			c.report(path, fault.Newf(codeName, "%q is no name for %s", name, kind).WithHint("a name is a letter or _, then letters, digits, _, . and -"))
		case strings.HasPrefix(name, "EDGEHIVE_") || strings.HasPrefix(name, "HTTP_") || slices.Contains(commandVariables, name):
			c.report(path, fault.Newf(codeReserved, "%s is a variable that commands have of their request", name).WithHint("take another name"))
		case twice:
			c.report(path, c.also(fault.Newf(codeDuplicate, "%s is a setting and a secret of function %s", name, f.Name), other).WithHint("rename one of them"))
		}
		seen[name] = path
	}
	if len(f.Config) > mostSettings || len(f.Secrets) > mostSettings {
		c.report(f.Path, fault.Newf(codeFunction, "a function has at most %d settings and as many secrets", mostSettings).WithHint("put several into one, as JSON"))
	}
	for _, s := range f.Config {
		name("a setting", s.Name, s.Path)
		switch {
		case len(s.Value) > longestSetting:
			c.report(s.Path, fault.Newf(codeFunction, "a setting has at most %d bytes", longestSetting).WithHint("keep it in a table, or in the module"))
		case strings.ContainsRune(s.Value, 0):
			c.report(s.Path, fault.New(codeFunction, "the setting has a NUL in it").WithHint("leave it out"))
		}
	}
	for _, s := range f.Secrets {
		name("a secret", s.Name, s.Path)
	}
}

// grants checks that what a function may reach is there.
func (c *checker) grants(f *manifest.Function) {
	g := &f.Grants
	for i := range g.Tables {
		c.tableGrant(&g.Tables[i])
	}
	path := g.Path
	c.each(codeGrant, path+".queries", g.Queries, func(name string) *fault.Fault {
		if c.m.Query(name) == nil {
			return c.noQuery(name)
		}
		return nil
	})
	c.each(codeGrant, path+".functions", g.Functions, func(name string) *fault.Fault {
		if c.m.Function(name) == nil {
			return c.noFunction(name)
		}
		return nil
	})
	c.each(codeGrant, path+".publish", g.Publish, c.publishable)
	c.each(codeGrant, path+".fetch", g.Fetch, fetchHost)
}

// each reports what problem finds of a list's names, and under code the names that
// are there twice.
func (c *checker) each(code, path string, names []string, problem func(string) *fault.Fault) {
	for i, name := range names {
		switch f := problem(name); {
		case f != nil:
			c.report(item(path, i), f)
		case slices.Contains(names[:i], name):
			c.report(item(path, i), fault.Newf(code, "%s names %s twice", field(path), name).WithHint("name it once"))
		}
	}
}

func (c *checker) tableGrant(g *manifest.TableGrant) {
	if c.find(g.Table) == nil {
		c.report(g.Path, c.noTable(g.Table))
	}
	if len(g.Operations) == 0 {
		c.report(g.Path, fault.Newf(codeGrant, "the grant on %s names no operation", g.Table).WithHint("name at least one, or leave the table out"))
	}
	operations := []string{"read", "create", "update", "delete"}
	c.each(codeGrant, g.Path, g.Operations, func(name string) *fault.Fault {
		if slices.Contains(operations, name) {
			return nil
		}
		return fault.Newf(codeGrant, "there is no operation %q", name).WithHint(fault.NearestHint(name, operations, "operations are read, create, update, delete"))
	})
}

// publishable tells why nothing can be published to a channel, nil where it can.
func (c *checker) publishable(name string) *fault.Fault {
	var names []string
	for i := range c.m.Channels {
		channel := &c.m.Channels[i]
		switch {
		case channel.Name != name:
			names = append(names, channel.Name)
		case channel.Broadcast:
			return nil
		default:
			return fault.Newf(codeGrant, "channel %s shows the table %s, and nothing is published to it", name, channel.Table).
				WithHint("write rows: who listens sees them; or name a channel with broadcast: true")
		}
	}
	return fault.Newf(codeChannel, "there is no channel %q", name).WithHint(fault.NearestHint(name, names, "declare it in channels, with broadcast: true"))
}

// fetchHost tells why a grant of fetch names no host that could be reached. What
// passes here is what requests are held to.
func fetchHost(granted string) *fault.Fault {
	bad := fault.Newf(codeGrant, "%q is no host to fetch from", fault.Clip(granted, 80))
	_, err := outbound.ParseTarget(granted)
	scheme, rest, schemed := strings.Cut(granted, "://")
	if !schemed {
		scheme, rest = "", granted
	}
	host, _, pathed := strings.Cut(rest, "/")
	name, _ := addressOf(granted)
	switch {
	case strings.Contains(host, "*"):
		return bad.WithHint("name each host; a * does not stand for many")
	case pathed && host != "":
		if scheme == "http" {
			host = "http://" + host
		}
		return bad.WithHint("leave the path out, a grant is for a whole host: " + fault.Clip(host, 80))
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return fault.Newf(codeGrant, "%s is this machine, which no name leads functions to", name).
			WithHint("rows are reached by grants: tables, other functions by grants: functions; a service of this machine by its address: http://127.0.0.1:PORT")
	case err != nil:
		f := fault.From(err)
		return fault.New(codeGrant, f.Message).WithHint("write HOST, which is port 443, or HOST:PORT, as api.stripe.com; http://HOST for plain HTTP")
	}
	return nil
}

// addressOf is the host of a grant of fetch, and its address where it is one.
func addressOf(granted string) (string, netip.Addr) {
	host := granted
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	address, _ := netip.ParseAddr(host) // the zero Addr for a name
	return host, address
}

// isPublic tells whether an address can be one of the internet's. What a name
// leads to is looked at when it is dialled.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}
