package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"picket.internal/hub/internal/web"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

func cookies(list ...*http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range list {
			r.AddCookie(c)
		}
	}
}

func TestTheKeyOpensAndTheCookieKeepsOpen(t *testing.T) {
	s := filled(t, "")
	w := s.open("/")
	if w.Code != 200 || len(w.Result().Cookies()) != 1 {
		t.Fatalf("with the key: %d, cookies %v", w.Code, w.Result().Cookies())
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || strings.Contains(c.Value, key) || !strings.HasSuffix(c.Name, "7443") {
		t.Errorf("cookie %v", c)
	}
	if strings.Contains(w.Body.String(), key) {
		t.Error("the page holds the key")
	}
	for name, path := range pages() {
		w := s.get(path, cookies(c))
		if w.Code != 200 && name != "missing" {
			t.Errorf("%s with the cookie: %d", name, w.Code)
		}
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%s sets a cookie again", name)
		}
	}
	if w := s.get("/", cookies(&http.Cookie{Name: c.Name, Value: "old"}, c)); w.Code != 200 {
		t.Errorf("beside a cookie of an older start: %d", w.Code)
	}
}

func TestWithoutTheKeyNothingIsShown(t *testing.T) {
	s := filled(t, "secret-name")
	good := s.open("/").Result().Cookies()[0]
	other := *good
	other.Name = "picket_7444"
	all := pages()
	all["live"], all["anything"] = "/live", "/no/such/page"
	for name, path := range all {
		for how, change := range map[string]func(*http.Request){
			"nothing":               func(*http.Request) {},
			"a wrong key":           func(r *http.Request) { r.URL.RawQuery = "key=0123456789abcdeF" },
			"an empty key":          func(r *http.Request) { r.URL.RawQuery = "key=" },
			"a wrong cookie":        cookies(&http.Cookie{Name: good.Name, Value: "x"}),
			"the key as the cookie": cookies(&http.Cookie{Name: good.Name, Value: key}),
			"another hub's cookie":  cookies(&other),
		} {
			w := s.get(path, change)
			if w.Code != 401 || strings.Contains(w.Body.String(), "secret-name") || len(w.Result().Cookies()) != 0 {
				t.Errorf("%s with %s: %d", name, how, w.Code)
			}
			if !strings.Contains(w.Body.String(), "address that was printed") {
				t.Errorf("%s with %s does not say what to do", name, how)
			}
		}
	}
	keyless := web.New(web.Config{Reader: s, Addr: addr})
	w := httptest.NewRecorder()
	keyless.ServeHTTP(w, httptest.NewRequest("GET", "http://"+addr+"/?key=", nil))
	if w.Code != 401 {
		t.Errorf("a hub without a key answers %d", w.Code)
	}
}

// A page of another site can make a browser ask us under a name of its own.
func TestThreat_H3_DNSRebinding(t *testing.T) {
	s := filled(t, "")
	for host, want := range map[string]int{
		addr: 200, "localhost:7443": 200, "[::1]:7443": 200,
		"evil.test": 421, "evil.test:7443": 421, "127.0.0.1": 421, "127.0.0.1:80": 421, "localhost": 421, "127.0.0.1:7443.evil.test": 421, "": 421,
	} {
		w := s.get("/?key="+key, func(r *http.Request) { r.Host = host })
		if w.Code != want || want == 421 && (len(w.Result().Cookies()) != 0 || strings.Contains(w.Body.String(), "web1")) {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestThreat_H3_PagesChangeNothing(t *testing.T) {
	s := filled(t, "")
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		for name, path := range pages() {
			w := s.get(path+"?key="+key, func(r *http.Request) { r.Method = method })
			if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, name, w.Code)
			}
		}
	}
	if w := s.get("/?key="+key, func(r *http.Request) { r.Method = "HEAD" }); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if len(s.States()) != 0 {
		t.Errorf("hosts were changed: %q", s.States())
	}
}

func TestThreat_H2_HeadersOnEveryAnswer(t *testing.T) {
	s := filled(t, "")
	answers := map[string]*httptest.ResponseRecorder{
		"style":        s.get("/assets/style.css"),
		"script":       s.get("/assets/live.js"),
		"no asset":     s.get("/assets/none"),
		"locked":       s.get("/"),
		"wrong host":   s.get("/", func(r *http.Request) { r.Host = "evil.test" }),
		"wrong method": s.get("/", func(r *http.Request) { r.Method = "POST" }),
		"bad query":    s.open("/?sort=x"),
	}
	for name, path := range pages() {
		answers[name] = s.open(path)
	}
	for name, w := range answers {
		for header, want := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			if got := w.Header()[header]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: %q, want %q", name, header, got, want)
			}
		}
	}
	if got := answers["style"].Header().Get("Content-Type"); !strings.HasPrefix(got, "text/css") {
		t.Errorf("the stylesheet is %s", got)
	}
	if w := s.get("/assets/"); w.Code == 200 {
		t.Error("the assets are listed")
	}
	if got := s.get("/assets/icon.svg"); got.Code != 200 || got.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %d %s", got.Code, got.Header().Get("Content-Type"))
	}
}
