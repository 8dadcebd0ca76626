package proxy

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// inform hands an informational answer on. It has headers of its own, and ours wait
// for the answer itself; once that begins, it is too late for one.
func (f *forward) inform(status int, said textproto.MIMEHeader) error {
	if status == http.StatusContinue {
		return nil // net/http says it when somebody begins to read the body
	}
	f.informing.Lock()
	defer f.informing.Unlock()
	if f.answering {
		return nil
	}
	f.began.Store(true)
	header := f.to.Header()
	ours := maps.Clone(header)
	clear(header)
	for name, values := range said {
		if !own(name) && !isHop(name) {
			header[name] = values
		}
	}
	f.to.WriteHeader(status)
	clear(header)
	maps.Copy(header, ours)
	return nil
}

// settle says that there will be no informational answer any more.
func (f *forward) settle() {
	f.informing.Lock()
	f.answering = true
	f.informing.Unlock()
}

// hand hands a server's answer on, whole.
func (f *forward) hand(res *http.Response) {
	f.began.Store(true)
	if f.body != nil {
		f.body.answered()
	}
	pace := paceOf(f.proxy, res)
	f.replied = replyBody{inner: res.Body, from: f, events: pace == eventful}
	f.reply = &f.replied
	defer closeQuietly(f.reply) // where writing panics; else it is closed below
	if f.replied.events {
		f.proxy.pool.home.enter(f.reply)
	}
	if (f.replied.events || res.ContentLength < 0 || res.ContentLength > lasting) && f.from.Detach != nil {
		f.from.Detach(f.in.Context())
	}
	f.relocate(res.Header)
	dropNamed(res.Header, res.Header["Connection"])
	header := f.to.Header()
	merge(header, res.Header)
	f.proxy.response.apply(header, f)
	announced := len(res.Trailer)
	if announced > 0 {
		header["Trailer"] = trailerNames(res.Trailer)
	}
	f.to.WriteHeader(res.StatusCode)
	if err := f.copy(res, pace); err != nil {
		f.cut()
		return
	}
	closeQuietly(f.reply) // then its trailers are known
	if len(res.Trailer) == 0 {
		return
	}
	// What is short would else get a length, and then has no trailers.
	if err := http.NewResponseController(f.to).Flush(); err != nil {
		f.cut()
		return
	}
	prefix := http.TrailerPrefix
	if len(res.Trailer) == announced {
		prefix = ""
	}
	for name, values := range res.Trailer {
		if !own(name) && !isHop(name) {
			header[prefix+name] = values
		}
	}
}

// trailerNames are those of the announced trailers that may come.
func trailerNames(announced http.Header) []string {
	var names []string
	for name := range announced {
		if !own(name) && !isHop(name) {
			names = append(names, name)
		}
	}
	return names
}

// relocate takes a server's own address out of where it sends the caller.
func (f *forward) relocate(header http.Header) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		values := header[name]
		if len(values) != 1 {
			continue
		}
		u, err := url.Parse(values[0])
		if err != nil || u.Host == "" || strings.EqualFold(u.Host, f.in.Host) {
			continue
		}
		inner := strings.EqualFold(u.Host, f.server.authority) || f.proxy.host != "" && strings.EqualFold(u.Host, f.proxy.host) ||
			f.server.socket != "" && strings.EqualFold(u.Host, f.server.host)
		if !inner {
			continue
		}
		target := f.proxy.path.strip + "/" + strings.TrimLeft(u.EscapedPath(), "/")
		if u.RawQuery != "" {
			target += "?" + u.RawQuery
		}
		if u.Fragment != "" {
			target += "#" + u.EscapedFragment()
		}
		header[name] = []string{target}
	}
}
