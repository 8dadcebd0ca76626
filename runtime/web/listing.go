package web

import (
	"cmp"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Listed is one route as a person reads it: what it answers, and what stands
// before it.
type Listed struct {
	// Methods are empty for every method.
	Methods []string `json:"methods"`
	Host    string   `json:"host,omitempty"`
	Path    string   `json:"path"`
	// Handler says what answers.
	Handler string `json:"handler"`
	// BuiltIn tells what needs no route.
	BuiltIn bool `json:"builtIn"`
	// Rate is "" where requests are not counted.
	Rate string `json:"rate"`
	// Body and Timeout bound a request. A timeout of 0 is the handler's own.
	Body    int64         `json:"body"`
	Timeout time.Duration `json:"timeout"`
	// Chain is what stands before it, in the order in which it acts.
	Chain []ListedLink `json:"chain"`
	// Cache is the policy under which answers are kept, "" for none.
	Cache string `json:"cache,omitempty"`
}

// ListedLink is one thing of a chain.
type ListedLink struct {
	Kind string `json:"kind"`
	// Middleware is its name, "" where the route says it itself.
	Middleware string `json:"middleware,omitempty"`
}

// List gives all routes of a manifest in the order of precedence: the first that
// fits a request answers it.
func List(m *manifest.Manifest) []Listed {
	listed := make([]Listed, 0, len(m.Routes))
	for i := range m.Routes {
		listed = append(listed, list(m, &m.Routes[i]))
	}
	slices.SortStableFunc(listed, precedence)
	return append(listBuiltIn(m), listed...)
}

// ListEvery is what stands before every request.
func ListEvery(m *manifest.Manifest) []ListedLink { return listChain(m, m.Server.Use) }

func listChain(m *manifest.Manifest, use []string) []ListedLink {
	links := []ListedLink{}
	for _, link := range m.Chain(use) {
		links = append(links, ListedLink{link.Kind, link.Middleware.Name})
	}
	return links
}

func list(m *manifest.Manifest, r *manifest.Route) Listed {
	l := Listed{
		Host: r.Host, Path: r.URLPath, Handler: sayHandler(m, r), Rate: r.RateName(),
		Body: cmp.Or(r.Body, m.Limits.Body), Timeout: r.Timeout, Cache: r.Cache, Chain: listChain(m, r.Use), Methods: methodsOf(r),
	}
	for _, link := range m.Chain(r.Use) {
		switch w := link.Middleware; link.Kind {
		case manifest.KindRate:
			l.Rate = w.Rate
		case manifest.KindBody:
			l.Body = w.Body
		case manifest.KindCache:
			l.Cache = w.Cache
		}
	}
	return l
}

// methodsOf are those that a route answers, none for all.
func methodsOf(r *manifest.Route) []string {
	switch {
	case r.Method == http.MethodGet, r.Method == "" && (r.Static != nil || r.Query != nil):
		return []string{http.MethodGet, http.MethodHead}
	case r.Method == "":
		return []string{}
	}
	return []string{r.Method}
}

func sayHandler(m *manifest.Manifest, r *manifest.Route) string {
	switch {
	case r.Static != nil:
		dir := r.Static.Dir
		if relative, err := filepath.Rel(m.Dir, dir); err == nil && filepath.IsLocal(relative) {
			dir = filepath.ToSlash(relative)
		}
		return "static " + dir
	case r.Respond != nil:
		return "respond " + strconv.Itoa(r.Respond.Status)
	case r.Redirect != nil:
		return "redirect " + strconv.Itoa(r.Redirect.Status) + " " + r.Redirect.To
	case r.Query != nil:
		return "query " + r.Query.Name
	case r.Function != nil:
		return "function " + r.Function.Name
	case r.Proxy != nil:
		return "proxy " + strings.Join(r.Proxy.To, " ")
	}
	return ""
}

// precedence orders routes: the more exact host, then the more exact path, then
// the method. Of hosts and paths that do not compete the order is that of their
// names.
func precedence(a, b Listed) int {
	return cmp.Or(
		cmp.Compare(hostRank(a.Host), hostRank(b.Host)), strings.Compare(a.Host, b.Host),
		comparePaths(a.Path, b.Path), comparePathNames(a.Path, b.Path),
		cmp.Compare(listedRank(a), listedRank(b)), slices.Compare(a.Methods, b.Methods),
	)
}

func hostRank(host string) int {
	switch {
	case host == "":
		return 2
	case strings.HasPrefix(host, "*."):
		return 1
	}
	return 0
}

// listedRank puts HEAD before GET, which answers it as well, and every method last.
func listedRank(l Listed) int {
	if len(l.Methods) == 0 {
		return 2
	}
	return len(l.Methods) - 1
}

// comparePaths compares part by part: a word before a parameter before *.
func comparePaths(a, b string) int {
	left, right := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(left), len(right)) {
		if order := cmp.Or(cmp.Compare(partRank(left[i]), partRank(right[i])), comparePathNames(left[i], right[i])); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(left), len(right))
}

func partRank(part string) int {
	switch {
	case part == "*":
		return 2
	case strings.HasPrefix(part, "{"):
		return 1
	}
	return 0
}

// comparePathNames orders words; parameters are alike, whatever their names.
func comparePathNames(a, b string) int {
	if partRank(a) != 0 || partRank(b) != 0 {
		return 0
	}
	return strings.Compare(a, b)
}

// listBuiltIn is what answers without a route.
func listBuiltIn(m *manifest.Manifest) []Listed {
	all := []Listed{
		{Path: "/health", Handler: "whether the process serves", Methods: []string{"GET", "HEAD"}},
		{Path: "/ready", Handler: "whether it should be sent requests", Methods: []string{"GET", "HEAD"}},
		{Path: nativePrefix + "{table}", Handler: "rows of a table", Methods: []string{"GET", "HEAD", "POST", "PATCH", "DELETE"}},
		{Path: nativePrefix + "{table}/{key}", Handler: "a row", Methods: []string{"GET", "HEAD", "PATCH", "DELETE"}},
		{Path: searchPrefix + "{table}", Handler: "rows, asked for in a body", Methods: []string{"POST"}},
		{Path: rpcPrefix + "{query}", Handler: "a named query", Methods: []string{"GET", "HEAD", "POST"}},
		{Path: batchPath, Handler: "several writes at once", Methods: []string{"POST"}},
		{Path: exportPrefix + "{table}", Handler: "all rows of a table", Methods: []string{"GET"}},
		{Path: importPrefix + "{table}", Handler: "many rows at once", Methods: []string{"POST"}},
		{Path: edgePrefix + "{function}", Handler: "a function", Methods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}},
		{Path: "/api/realtime/{channel}", Handler: "a channel", Methods: []string{"GET", "POST"}},
		{Path: openAPIPath, Handler: "the API's description", Methods: []string{"GET", "HEAD"}},
		{Path: restPrefix + "{table}", Handler: "rows, as Supabase's clients ask", Methods: []string{"GET", "HEAD", "POST", "PATCH", "DELETE"}},
		{Path: restPrefix + "rpc/{query}", Handler: "a named query, as Supabase's clients ask", Methods: []string{"GET", "HEAD", "POST"}},
		{Path: functionsPrefix + "{function}", Handler: "a function, as Supabase's clients ask", Methods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}},
	}
	for i := range all {
		l := &all[i]
		l.Host = strings.Join(m.Server.Hosts, ",")
		l.BuiltIn, l.Rate, l.Body, l.Timeout, l.Chain = true, "default", m.Limits.Body, m.Limits.Timeout, []ListedLink{}
		if l.Path == "/health" || l.Path == "/ready" {
			l.Rate = ""
		}
	}
	return all
}
