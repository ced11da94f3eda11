package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

// policy lets the pages load what this hub serves as files, and nothing else:
// a name that slipped through all escaping still could not run.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// guard is in front of everything, pages, assets and errors alike.
func (u *ui) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the key must not travel in a Referer
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		// A page of another site that gives its own name our address (DNS
		// rebinding) is the browser's friend, but asks for its own name.
		if !u.hosts[r.Host] {
			u.render(w, http.StatusMisdirectedRequest, &view{Template: "problem", Title: "Wrong address",
				Body: problem{"This hub does not answer to that name. Use the address that was printed when it started.", "picket up"}})
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			u.render(w, http.StatusMethodNotAllowed, &view{Template: "problem", Title: "Read only",
				Body: problem{"These pages only show; they change nothing.", ""}})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// locked serves only who shows the key, or the cookie that it was traded for.
func (u *ui) locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case equal(r.URL.Query().Get("key"), u.Key):
			// The links in the page go without the key: it is for this once.
			http.SetCookie(w, &http.Cookie{Name: u.cookie, Value: u.cookieValue(), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		case u.hasCookie(r):
		default:
			u.render(w, http.StatusUnauthorized, &view{Template: "problem", Title: "This page needs its key",
				Body: problem{"Use the whole address that was printed when Picket started, key included. It changes with every start.", "picket up"}})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (u *ui) hasCookie(r *http.Request) bool {
	for _, c := range r.CookiesNamed(u.cookie) {
		if equal(c.Value, u.cookieValue()) {
			return true
		}
	}
	return false
}

// cookieValue follows from the key but does not tell it. Browsers send cookies
// to every port of a host, so a program that the reader visits on another port
// of this machine gets to see it: it opens these read-only pages until the hub
// stops, and nothing else.
func (u *ui) cookieValue() string {
	mac := hmac.New(sha256.New, []byte(u.Key))
	mac.Write([]byte("picket ui cookie"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// equal compares in constant time. An empty want is never equal: a hub without
// a key shows nothing.
func equal(have, want string) bool {
	h, w := sha256.Sum256([]byte(have)), sha256.Sum256([]byte(want))
	return want != "" && subtle.ConstantTimeCompare(h[:], w[:]) == 1
}
