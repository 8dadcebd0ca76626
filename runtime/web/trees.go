package web

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
)

// tree finds the handler of a path. chi looks for the pattern, and what answers is
// kept beside it: so a request is no copy of itself with a context around it.
type tree struct {
	mux      *chi.Mux
	handlers map[endpoint]http.Handler
	// open has what answers every method, for those that chi does not know, as
	// WebDAV's.
	open *chi.Mux
}

// endpoint is a pattern and a method, "" for all that are not laid by name.
type endpoint struct{ method, pattern string }

func newTree() *tree {
	return &tree{mux: chi.NewRouter(), open: chi.NewRouter(), handlers: map[endpoint]http.Handler{}}
}

// lay puts a handler into the tree, for one method or with "" for all. What is laid
// later stays. chi panics at a pattern that it cannot lay.
func (t *tree) lay(method, pattern string, handler http.Handler) {
	if method == "" {
		t.mux.Handle(pattern, handler)
		t.open.Get(pattern, handler.ServeHTTP)
		for at := range t.handlers {
			if at.pattern == pattern {
				delete(t.handlers, at)
			}
		}
	} else {
		t.mux.Method(method, pattern, handler)
	}
	t.handlers[endpoint{method, pattern}] = handler
}

func (t *tree) empty() bool { return len(t.handlers) == 0 }

// find gives what answers a request, nil for nothing; routing has then the values of
// the path's parameters.
func (t *tree) find(routing *chi.Context, method, path string) http.Handler {
	routing.Reset()
	if !known(method) {
		return t.handlers[endpoint{"", t.open.Find(routing, http.MethodGet, path)}]
	}
	pattern := t.mux.Find(routing, method, path)
	if pattern == "" {
		return nil
	}
	if named := t.handlers[endpoint{method, pattern}]; named != nil {
		return named
	}
	return t.handlers[endpoint{"", pattern}]
}

// known tells whether chi lays handlers by a method.
func known(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return true
	}
	return false
}

// trees are looked through in order.
type trees []*tree

// unparameterized are handlers that do not look at the values of parameters.
type unparameterized interface{ ignoresParameters() bool }

// routings are where chi says what it found.
var routings = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// find gives what answers a request, nil for nothing, and tells the request the
// values of its parameters.
func (t trees) find(r *http.Request) http.Handler {
	routing := routings.Get().(*chi.Context)
	defer routings.Put(routing)
	for _, one := range t {
		found := one.find(routing, r.Method, r.URL.Path)
		if found == nil {
			continue
		}
		if may, ok := found.(unparameterized); !ok || !may.ignoresParameters() {
			for i, name := range routing.URLParams.Keys {
				r.SetPathValue(name, routing.URLParams.Values[i])
			}
		}
		return found
	}
	return nil
}

// allowed lists the methods that a path answers to, none where there is no route.
func (t trees) allowed(path string) []string {
	var allow []string
	for _, method := range []string{
		http.MethodOptions, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		fits := func(one *tree) bool { return one.find(chi.NewRouteContext(), method, path) != nil }
		if slices.ContainsFunc(t, fits) {
			allow = append(allow, method)
		}
	}
	if len(allow) > 0 && allow[0] != http.MethodOptions {
		allow = append([]string{http.MethodOptions}, allow...)
	}
	return allow
}

// unanswered says what the path answers to, where it is but the method.
func (t trees) unanswered(x *exchange, r *http.Request) {
	x.route = "none"
	allow := t.allowed(r.URL.Path)
	if len(allow) == 0 {
		x.fail(r, errNoRoute)
		return
	}
	x.set("Allow", strings.Join(allow, ", "))
	if r.Method == http.MethodOptions {
		x.WriteHeader(http.StatusNoContent)
		return
	}
	x.fail(r, errMethod(r.Method))
}
