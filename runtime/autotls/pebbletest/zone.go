package pebbletest

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// How the zone is changed: by RFC 2136, signed.
const (
	KeyName   = "edge-hive."
	KeySecret = "c2VjcmV0IG9mIGEgdGVzdCBhbmQgbm90aGluZyBlbHNl"
)

// Zone is a name server for everything: each name is this machine, and each zone is
// example.com's.
type Zone struct {
	Address string

	mu   sync.Mutex
	text map[string][]string
	made int
}

// Made is how many records were put into it.
func (z *Zone) Made() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.made
}

// Left is how many records are in it.
func (z *Zone) Left() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	left := 0
	for _, values := range z.text {
		left += len(values)
	}
	return left
}

// Put puts a text into it, as a provider of DNS does who is told by other means.
func (z *Zone) Put(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name = zoneName(name)
	z.text[name] = append(z.text[name], text)
	z.made++
}

// Take takes a text out of it.
func (z *Zone) Take(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	name = zoneName(name)
	z.text[name] = slices.DeleteFunc(z.text[name], func(one string) bool { return one == text })
}

// Texts are those of a name.
func (z *Zone) Texts(name string) []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.text[zoneName(name)])
}

func zoneName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

func startZone(t testing.TB) *Zone {
	t.Helper()
	z := &Zone{text: make(map[string][]string)}
	for range 20 { // a port that is free for both
		packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err != nil {
			_ = packets.Close()
			continue
		}
		z.Address = packets.LocalAddr().String()
		secrets := map[string]string{KeyName: KeySecret}
		accept := func(h dns.Header) dns.MsgAcceptAction {
			if opcode := int(h.Bits>>11) & 0xF; opcode == dns.OpcodeUpdate {
				return dns.MsgAccept
			}
			return dns.DefaultMsgAcceptFunc(h)
		}
		for _, s := range []*dns.Server{
			{PacketConn: packets, Handler: z, TsigSecret: secrets, MsgAcceptFunc: accept},
			{Listener: listener, Handler: z, TsigSecret: secrets, MsgAcceptFunc: accept},
		} {
			started := make(chan struct{})
			s.NotifyStartedFunc = func() { close(started) }
			ended := make(chan struct{})
			go func() { defer close(ended); _ = s.ActivateAndServe() }()
			<-started
			t.Cleanup(func() { _ = s.Shutdown(); <-ended })
		}
		return z
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil
}

// ServeDNS answers questions, and signed changes.
func (z *Zone) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	answer := new(dns.Msg).SetReply(request)
	answer.Authoritative = true
	if request.Opcode == dns.OpcodeUpdate {
		if request.IsTsig() == nil || w.TsigStatus() != nil {
			answer.Rcode = dns.RcodeNotAuth
		} else {
			z.change(request.Ns)
			answer.SetTsig(KeyName, dns.HmacSHA256, 300, int64(request.IsTsig().TimeSigned))
		}
		_ = w.WriteMsg(answer)
		return
	}
	for _, q := range request.Question {
		header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
		switch q.Qtype {
		case dns.TypeA:
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
		case dns.TypeSOA:
			if name := strings.ToLower(q.Name); name == "example.com." {
				answer.Answer = append(answer.Answer, &dns.SOA{Hdr: header, Ns: "ns.example.com.", Mbox: "ops.example.com.", Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1})
			}
		case dns.TypeTXT:
			z.mu.Lock()
			for _, value := range z.text[strings.ToLower(q.Name)] {
				answer.Answer = append(answer.Answer, &dns.TXT{Hdr: header, Txt: []string{value}})
			}
			z.mu.Unlock()
		}
	}
	_ = w.WriteMsg(answer)
}

func (z *Zone) change(records []dns.RR) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, record := range records {
		text, ok := record.(*dns.TXT)
		if !ok {
			continue
		}
		name, value := strings.ToLower(text.Hdr.Name), strings.Join(text.Txt, "")
		if text.Hdr.Class == dns.ClassINET {
			z.text[name] = append(z.text[name], value)
			z.made++
			continue
		}
		z.text[name] = slices.DeleteFunc(z.text[name], func(one string) bool { return one == value })
	}
}
