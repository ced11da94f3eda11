// Package web serves the hub's pages for people on the machine itself: alerts
// and hosts, read only, over plain HTTP on a loopback address.
//
// Pages are made here, complete, and work without JavaScript; a small script
// adds news as they come. All text that a host has made goes through package
// display and html/template. The package must never change anything, load
// anything from elsewhere, or answer anyone who has not the key of the address
// that `picket up` printed.
package web

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	types "picket.internal/api"
	"picket.internal/hub/internal/api"
)

// Config says what to show, and to whom.
type Config struct {
	// Reader is where everything shown comes from. It must be set.
	Reader api.Reader
	// Responses is where responses come from. Nil means that no page shows any.
	Responses Responses
	// Key opens the pages: ?key=… in the address that is printed. It must be
	// set, random and unlike any other key.
	Key string
	// Addr is the address that the pages are served on, as in 127.0.0.1:39211.
	// It must be set: requests for other names are refused.
	Addr string
	// Logger hears what goes wrong. Nil means nobody does.
	Logger *slog.Logger
	// Zone is the reader's time zone. Nil means the system's: the reader sits
	// at this machine.
	Zone *time.Location
	// Now tells the time. Nil means the system's clock.
	Now func() time.Time
}

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages load, by their media type.
var assets = map[string]string{
	"style.css": "text/css; charset=utf-8",
	"live.js":   "text/javascript; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

func asset(name, media string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			http.NotFound(w, r) // it is embedded; a test asks for each
			return
		}
		w.Header().Set("Content-Type", media)
		// A reader who has gone needs no file.
		_, _ = w.Write(data)
	})
}

// answerTimeout bounds the work on one page.
const answerTimeout = 15 * time.Second

// ui serves the pages.
type ui struct {
	Config
	hosts   map[string]bool // the names that requests may be for
	cookie  string          // its name, of its own for each port: ports share cookies
	viewers chan struct{}   // one token an open stream of news
}

// New returns the handler of all pages.
func New(c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	u := &ui{Config: c, viewers: make(chan struct{}, maxViewers)}
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		port = "" // no request can name it: everything is refused
	}
	u.cookie = "picket_" + port
	u.hosts = map[string]bool{c.Addr: true}
	for _, name := range []string{"127.0.0.1", "localhost", "::1"} {
		u.hosts[net.JoinHostPort(name, port)] = true
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", u.page(u.alerts))
	mux.Handle("/alerts/{id}", u.page(u.alert))
	mux.Handle("/hosts", u.page(u.hostList))
	mux.Handle("/hosts/{id}", u.page(u.host))
	mux.Handle("/responses", u.page(u.responseList))
	mux.Handle("/hub", u.page(u.hub))
	mux.Handle("/live", u.locked(http.HandlerFunc(u.live)))
	mux.Handle("/", u.page(func(context.Context, *http.Request) (*view, error) { return nil, types.ErrNotFound }))
	for name, media := range assets {
		// What everybody can read in the source needs no key, and the page
		// that asks for one is to look like the others.
		mux.Handle("/assets/"+name, asset(name, media))
	}
	return u.guard(mux)
}

// page answers with what show returns, once the asker has shown the key.
func (u *ui) page(show func(ctx context.Context, r *http.Request) (*view, error)) http.Handler {
	return u.locked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		v, err := show(ctx, r)
		if err != nil {
			u.fail(w, r, err)
			return
		}
		v.Health = u.health(ctx)
		v.Responses = u.Config.Responses != nil
		u.render(w, http.StatusOK, v)
	}))
}

// fail shows what went wrong without the hub's insides.
func (u *ui) fail(w http.ResponseWriter, r *http.Request, err error) {
	var query *types.QueryError
	v := &view{Template: "problem", Title: "That did not work"}
	status := http.StatusInternalServerError
	switch {
	case r.Context().Err() != nil:
		return // the reader has gone
	case errors.Is(err, types.ErrNotFound):
		status, v.Title = http.StatusNotFound, "Nothing here"
		v.Body = problem{"There is no such page, alert or host.", "picket alerts list"}
	case errors.As(err, &query):
		status, v.Title = http.StatusBadRequest, "That filter means nothing"
		v.Body = problem{Text(query.Error() + "."), ""}
	default:
		u.Logger.Error("showing page failed", "path", r.URL.Path, "error", err)
		v.Body = problem{"The hub could not answer. Its log says why.", ""}
	}
	v.Health = u.health(r.Context())
	u.render(w, status, v)
}

// problem is a page that says what is wrong and what to do.
type problem struct {
	Words   Text
	Command string
}
