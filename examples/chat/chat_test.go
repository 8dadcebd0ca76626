// Package chat_test opens the chat page in a real browser.
package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// onEach runs a test on the chat with its rows in each engine.
func onEach(t *testing.T, test func(t *testing.T, b *backend.Backend)) {
	t.Helper()
	backend.OnEach(t, ".", []string{"edgehive.cue", "public", "seed"}, test)
}

// TestChat signs Ann in on one page while Bob reads along on another.
func TestChat(t *testing.T) { onEach(t, chat) }

func chat(t *testing.T, b *backend.Backend) {
	chromium := backend.Program(t, "chromium", "chromium-browser", "google-chrome")
	ann := b.User(t, "ann@example.com", "")

	browser := openBrowser(t, chromium)
	annsPage, bobsPage := newPage(t, browser), newPage(t, browser)
	const live = `document.querySelector("#state").textContent === "live"`
	run(t, bobsPage, chromedp.Navigate(b.URL), until(live))
	run(t, annsPage, chromedp.Navigate(b.URL), until(live),
		chromedp.SendKeys("#token", ann), chromedp.Click("#sign-in button"), chromedp.WaitVisible("#say"),
		chromedp.SendKeys("#text", "Is anyone <b>here</b>?"), chromedp.Click("#say button"))

	run(t, bobsPage, chromedp.WaitVisible("#messages li"))
	text, err := chromedp.Run(bobsPage, chromedp.Text("#messages li"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "ann") || !strings.Contains(text, "Is anyone <b>here</b>?") {
		t.Errorf("Bob reads %q", text)
	}
	if a := b.Do(t, "GET", "/api/data/messages?select=name,text", "", ""); a.Body != `[{"name":"ann","text":"Is anyone <b>here</b>?"}]` {
		t.Errorf("stored: %s", a.Body)
	}

	run(t, annsPage, chromedp.Click("#messages li button"))
	const empty = `document.querySelectorAll("#messages li").length === 0`
	run(t, bobsPage, until(empty))
	run(t, annsPage, until(empty))
}

// TestChatSurvivesARestart sees a page reconnect and miss nothing.
func TestChatSurvivesARestart(t *testing.T) { onEach(t, chatSurvivesARestart) }

func chatSurvivesARestart(t *testing.T, b *backend.Backend) {
	chromium := backend.Program(t, "chromium", "chromium-browser", "google-chrome")
	ann := b.User(t, "ann@example.com", "")
	say := func(text string) {
		t.Helper()
		if a := b.Do(t, "POST", "/api/data/messages", ann, `{"room":"lobby","name":"ann","text":"`+text+`"}`); a.Status != 201 {
			t.Fatalf("say %s: %d %s", text, a.Status, a.Body)
		}
	}
	page := newPage(t, openBrowser(t, chromium))
	shows := func(n string) chromedp.Action[chromedp.Void] {
		return until(`document.querySelectorAll("#messages li").length === ` + n)
	}
	say("one")
	run(t, page, chromedp.Navigate(b.URL), shows("1"))
	b.Kill(t)
	b.Serve(t)
	say("two")
	say("three")
	run(t, page, shows("3"))
}

func TestMessagesAreTheirAuthorsAlone(t *testing.T) { onEach(t, messagesAreTheirAuthorsAlone) }

func messagesAreTheirAuthorsAlone(t *testing.T, b *backend.Backend) {
	ann, bob := b.User(t, "ann@example.com", ""), b.User(t, "bob@example.com", "")
	if a := b.Do(t, "POST", "/api/data/messages", "", `{"room":"lobby","name":"x","text":"x"}`); a.Status != 401 {
		t.Errorf("nobody wrote: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "POST", "/api/data/messages", ann, `{"room":"lobby","name":"ann","text":"mine"}`); a.Status != 201 {
		t.Fatalf("Ann writes: %d %s", a.Status, a.Body)
	}
	for _, method := range []string{"PATCH", "DELETE"} {
		if a := b.Do(t, method, "/api/data/messages?name=eq.ann", bob, `{"text":"his"}`, "Prefer", "return=representation"); a.Body != "[]" {
			t.Errorf("Bob's %s: %d %s", method, a.Status, a.Body)
		}
	}
}

// TestTyping has Ann type on one page, and Bob see it on another. She does not
// see herself, and who is not signed in may not say so.
func TestTyping(t *testing.T) { onEach(t, typing) }

func typing(t *testing.T, b *backend.Backend) {
	chromium := backend.Program(t, "chromium", "chromium-browser", "google-chrome")
	ann := b.User(t, "ann@example.com", "")
	browser := openBrowser(t, chromium)
	annsPage, bobsPage := newPage(t, browser), newPage(t, browser)
	run(t, bobsPage, chromedp.Navigate(b.URL), until(`document.querySelector("#state").textContent === "live"`))
	run(t, annsPage, chromedp.Navigate(b.URL),
		chromedp.SendKeys("#token", ann), chromedp.Click("#sign-in button"), chromedp.WaitVisible("#say"))
	// Both connections may come later than the page: she goes on typing until he
	// sees it.
	for tries := 0; ; tries++ {
		run(t, annsPage, chromedp.SendKeys("#text", "a"))
		seen, err := chromedp.Run(bobsPage, chromedp.Text("#typing"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(seen, "ann is typing") {
			break
		}
		if tries == 200 {
			t.Fatalf("Bob sees %q", seen)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if seen, err := chromedp.Run(annsPage, chromedp.Text("#typing")); err != nil || seen != "" {
		t.Errorf("Ann sees %q (%v)", seen, err)
	}
	for who, status := range map[string]int{"": 401, ann: 200} {
		if a := b.Do(t, "POST", "/api/realtime/typing", who, `{"event":"typing","payload":{"name":"x"}}`); a.Status != status {
			t.Errorf("sent with the token %q: %d %s", who, a.Status, a.Body)
		}
	}
}

func openBrowser(t *testing.T, chromium string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	run(t, browser)
	return browser
}

func newPage(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	page, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	return page
}

// until waits for a JavaScript condition on the page.
func until(condition string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingInterval(50*time.Millisecond))
}

func run(t *testing.T, page context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	// The first run on a page makes it live as long as its context, so a
	// deadline must not be on that one.
	if err := chromedp.Do(page); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(page, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}
